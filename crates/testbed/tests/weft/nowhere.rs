//! Hosts that another one's routes have packets to go nowhere.

use crate::cluster::{Cluster, SOON, ping, sleeper};
use weft_testbed::until;

#[test]
fn a_host_that_is_not_to_be_reached_keeps_nothing_from_the_others() {
    let Some(mut cluster) = Cluster::up(3) else { return };
    cluster.create_network(&["overlay"]);
    let [one, two, three] = [1, 2, 3].map(|number| cluster.host(number).clone());
    sleeper(&one, "overlay", "one", &[]);
    sleeper(&two, "overlay", "two", &[]);
    sleeper(&three, "overlay", "three", &[]);
    for (nowhere, back) in [
        ("ip route add blackhole 192.168.77.13", "ip route del blackhole 192.168.77.13"),
        ("ip rule add to 192.168.77.13 prohibit", "ip rule del to 192.168.77.13 prohibit"),
        ("ip route add unreachable 192.168.77.13", "ip route del unreachable 192.168.77.13"),
        ("sysctl -q net.ipv6.conf.all.disable_ipv6=1", "sysctl -q net.ipv6.conf.all.disable_ipv6=0"),
    ] {
        two.run(&["sh", "-c", nowhere]);
        cluster.agents[1].kill9();
        // As after a reboot: all of it is to be made.
        two.run(&["ip", "netns", "delete", "weft-256"]);
        cluster.agents[1].restart();
        until("the data plane is there", SOON, || {
            two.output(&["ip", "netns", "exec", "weft-256", "ip", "link", "show", "vxlan0"]).status.success()
        });
        ping(&two, "two", "one");
        ping(&one, "one", "three");
        until("all is done", SOON, || {
            let plan = two.output(&["weft", "plan"]);
            plan.status.success() && plan.stdout.trim_ascii().is_empty()
        });
        let log = cluster.agents[1].log();
        assert!(!log.contains("cannot find what fits"), "{nowhere}: {log}");
        two.run(&["sh", "-c", back]);
    }
    ping(&two, "two", "three");
}
