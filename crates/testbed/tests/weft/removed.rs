//! What is taken off a network while its host is away.

use crate::{
    cluster::{Cluster, SOON, addresses},
    joining::end_session,
};
use weft_testbed::{Container, Host, until};

const WHY: &str = "is cut off: it was taken off the network while this node was away";

/// The host's agent is dead, and then the host is cut off: both times it finds out when it is back.
#[test]
fn what_was_taken_off_stays_off_when_its_host_is_back() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    let [one, two] = [1, 2].map(|number| cluster.host(number).clone());
    for name in ["first", "second", "third", "kept"] {
        Container::attach(&two, "overlay", name);
    }
    cluster.agents[1].kill9();
    take_off(&cluster, &one, "first");
    cluster.agents[1].restart();
    until("it is cut off", SOON, || problems(&two).contains(&format!("first on network overlay {WHY}")));
    cluster.world.partition(&[&one], &[&two]);
    take_off(&cluster, &one, "second");
    cluster.world.heal();
    until("it is cut off, too", SOON, || {
        problems(&two).contains(&format!("second on network overlay {WHY}"))
    });
    until("both agree", SOON, || {
        addresses(&one, "overlay").len() == 2 && addresses(&two, "overlay").len() == 2
    });
    let link = two.run(&["nsenter", "--net=/run/netns/first", "ip", "-o", "link", "show", "eth0"]);
    assert!(!link.contains("LOWER_UP"), "{link}");
    // The store loses everything at the same time: what was not taken off is put back.
    cluster.agents[1].kill9();
    take_off(&cluster, &one, "third");
    cluster.store.host().run(&["consul", "kv", "delete", "-recurse", "weft/"]);
    until("it is put back", SOON, || {
        let kept = ["consul", "kv", "get", "-keys", "weft/v1/nodes/host2"];
        cluster.store.host().run(&kept).contains("host2") && is_kept_alone(&one)
    });
    cluster.agents[1].restart();
    until("it is cut off, too", SOON, || problems(&two).contains(&format!("third on network overlay {WHY}")));
    until("both agree", SOON, || [&one, &two].into_iter().all(is_kept_alone));
    // The host says what to do about it, and that helps.
    for name in ["first", "second", "third"] {
        two.run(&["weft", "detach", "--net", "overlay", "--name", name]);
        Container::attach_existing(&two, "overlay", name);
    }
    until("all are there again", SOON, || addresses(&one, "overlay").len() == 4);
    two.run(&["weft", "status"]);
}

fn is_kept_alone(host: &Host) -> bool {
    matches!(&addresses(host, "overlay")[..], [(kept, _)] if kept == "kept")
}

fn take_off(cluster: &Cluster, from: &Host, name: &str) {
    end_session(cluster, "host2");
    until("the host is down, and it can be taken off", SOON, || {
        from.output(&["weft", "network", "disconnect", "--force", "overlay", name]).status.success()
    });
}

fn problems(host: &Host) -> String {
    host.run(&["sh", "-c", "weft status || true"])
}
