//! A store that does not let a host in any more.

use crate::cluster::{SOON, sleeper};
use weft_testbed::{World, until};

/// etcd goes on with a watch and a session that it let in before (it asks for the rules when they begin), so that nothing fails
/// until something is asked for.
#[test]
fn a_rule_that_etcd_lost_is_told_though_the_watch_goes_on() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let store = host.etcd();
    let etcdctl = |line: &str| {
        let words = line.split_whitespace();
        let command: Vec<_> = ["env", "ETCDCTL_API=3", "etcdctl"].into_iter().chain(words).collect();
        host.run(&command)
    };
    for line in [
        "user add root:one",
        "role add root",
        "user grant-role root root",
        "user add weft:two",
        "role add weft",
        "role grant-permission weft --prefix=true readwrite weft/",
        "user grant-role weft weft",
        "auth enable",
    ] {
        etcdctl(line);
    }
    host.write("/etc/weft/password", "two\n");
    let url = format!("--cluster-store={}", store.url());
    let user = ["--cluster-store-opt=user=weft", "--cluster-store-opt=password-file=/etc/weft/password"];
    let _agent = host.agent(&[&url, "--cluster-advertise=eth0", user[0], user[1]]);
    host.run(&["weft", "network", "create", "overlay"]);
    sleeper(host, "overlay", "one", &[]);
    host.run(&["weft", "status"]);
    etcdctl("--user root:one role revoke-permission weft --prefix=true weft/");
    until("it is told", SOON, || {
        let output = host.output(&["weft", "status"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        !output.status.success()
            && said
                .contains("the store does not let this host in any more: etcd at 192.168.77.11:2379 refused")
    });
    etcdctl("--user root:one role grant-permission weft --prefix=true readwrite weft/");
    until("all is well again", SOON, || host.output(&["weft", "status"]).status.success());
    host.run(&["weft", "network", "create", "more"]);
}
