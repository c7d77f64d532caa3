//! The kernel in memory fails when told to, and recovers as the real one does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Wanted, block_on};
use weft_datapath::{Datapath, Fake, Faults};
use weft_plan::plan;

fn wanted() -> Wanted {
    let mut wanted = Wanted::default();
    wanted.segment(256, "192.0.2.1".parse().unwrap(), &["10.0.0.1/24"]);
    wanted.leaving(256, "box", &["10.0.0.2/24"]);
    wanted
}

#[test]
fn a_round_after_any_failure_makes_it_good() {
    block_on(async {
        let wanted = wanted().0;
        let steps = {
            let fake = Fake::new();
            fake.add_container("/run/netns/box");
            plan(&wanted, &fake.observe(&wanted).await.unwrap()).steps.len()
        };
        for failing in 0..steps {
            let fake = Fake::new();
            fake.add_container("/run/netns/box");
            let steps = (0..=failing).map(|n| n == failing).collect();
            fake.fail(Faults { observe: 1, steps });
            fake.observe(&wanted).await.unwrap_err();
            let first = plan(&wanted, &fake.observe(&wanted).await.unwrap());
            let report = fake.apply(&first).await;
            assert!(!report.is_complete(), "step {failing} was to fail");
            let second = plan(&wanted, &fake.observe(&wanted).await.unwrap());
            let report = fake.apply(&second).await;
            assert!(report.is_complete(), "after {}: {:?}", first.steps[failing], report.failures);
            let third = plan(&wanted, &fake.observe(&wanted).await.unwrap());
            assert_eq!(third.steps, [], "after {}", first.steps[failing]);
        }
    });
}

#[test]
fn a_container_that_ended_takes_its_link_along() {
    block_on(async {
        let (fake, wanted) = (Fake::new(), wanted().0);
        fake.add_container("/run/netns/box");
        let first = plan(&wanted, &fake.observe(&wanted).await.unwrap());
        assert!(fake.apply(&first).await.is_complete());
        fake.remove_container("/run/netns/box");
        let port = weft_model::IfName::port(wanted.attachments.keys().next().unwrap());
        let lost = |kernel: &mut weft_plan::Observed| {
            kernel.namespaces.values().all(|namespace| !namespace.links.contains_key(&port))
        };
        assert!(fake.kernel(lost));
        let observed = fake.observe(&wanted).await.unwrap();
        assert!(!plan(&wanted, &observed).steps.iter().any(|step| step.to_string().contains("eth0")));
    });
}
