//! What a kernel may say of its links, addresses, routes, neighbours and flows: whatever it is, no plan touches what is
//! not ours, and each works on the kernel that was described.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use weft_netlink::fuzzed::hear;
use weft_plan::{Desired, Namespace, Netns, Observed, Step, plan};

fn namespaces() -> [Netns; 3] {
    let vni = "256".parse().expect("a VNI");
    [Netns::Host, Netns::Segment(vni), Netns::Container("/run/netns/c".into())]
}

fuzz_target!(|datagram: &[u8]| {
    let Ok(heard) = hear(datagram) else { return };
    // A sentence in a log.
    assert!(heard.refusals.iter().all(|said| !said.is_empty()));
    assert!(heard.flows.iter().all(|flow| flow.to.is_ipv4() == flow.answered_by.is_ipv4()));
    let links: BTreeSet<String> = heard.links.iter().map(|link| link.name.clone()).collect();
    for netns in namespaces() {
        let Ok(again) = hear(datagram) else { unreachable!("it was heard before") };
        let namespace = weft_datapath::fuzzed::interpret(&netns, &Namespace::default(), again);
        assert!(namespace.links.keys().all(|name| links.contains(name.as_str())));
        let mut kernel = Observed::default();
        kernel.namespaces.insert(Netns::Host, Namespace::default());
        kernel.namespaces.insert(netns.clone(), namespace.clone());
        let plan = plan(&Desired::default(), &kernel);
        for step in &plan.steps {
            if let Step::DeleteLink(at, name) = step {
                assert!(*at == netns && namespace.links.contains_key(name), "{step}");
            }
            assert!(kernel.take(step).is_ok(), "{step}");
        }
        let second = weft_plan::plan(&Desired::default(), &kernel);
        assert!(second.steps.is_empty(), "{second}");
    }
});
