//! How large a packet fits, in containers that run: their engines tell nobody where they have put them.

use crate::cluster::{Cluster, waiter};
use std::time::Duration;
use weft_testbed::{Engine, Release, until};

/// Within this, a running container has what fits.
const FOLLOWED: Duration = Duration::from_secs(5);

fn mtu(engine: &Engine, container: &str) -> String {
    engine.docker(&format!("exec {container} cat /sys/class/net/eth0/mtu"))
}

#[test]
fn running_containers_get_what_fits_through_the_host_with_the_least() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    let [one, two] = [&cluster.engines[0], &cluster.engines[1]];
    waiter(one, "overlay", "box-1", "");
    waiter(two, "overlay", "box-2", "");
    assert_eq!([mtu(one, "box-1"), mtu(two, "box-2")], ["1450", "1450"]);
    two.host().run(&["ip", "link", "set", "eth0", "mtu", "1400"]);
    until("both have what fits", FOLLOWED, || mtu(one, "box-1") == "1350" && mtu(two, "box-2") == "1350");
    for size in ["1322", "1422", "4000"] {
        one.docker(&format!("exec box-1 ping -c3 -W2 -s {size} box-2"));
    }

    // Less while the agent is away: followed when it is back. And what is made or started later has it from the start.
    cluster.agents[0].kill9();
    cluster.engines[1].host().run(&["ip", "link", "set", "eth0", "mtu", "1300"]);
    until("the other has it", FOLLOWED, || mtu(&cluster.engines[1], "box-2") == "1250");
    cluster.agents[0].restart();
    let [one, two] = [&cluster.engines[0], &cluster.engines[1]];
    until("both have what fits", FOLLOWED, || mtu(one, "box-1") == "1250");
    one.docker("restart -t 0 box-1");
    waiter(two, "overlay", "box-3", "");
    assert_eq!([mtu(one, "box-1"), mtu(two, "box-3")], ["1250", "1250"]);
    for engine in &cluster.engines {
        assert_eq!(engine.host().run(&["weft", "plan"]).trim(), "");
    }
}
