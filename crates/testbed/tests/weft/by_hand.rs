//! A cluster that was set up by hand is turned into a signed one, as docs/reference.md says, while its networks go on.

use crate::{
    by_key::ask_each_other,
    cluster::{SOON, has_network},
    tokens::{init, let_in},
};
use weft_testbed::{Container, Host, Pings, World, until};

const FILE: &str = "/etc/weft/weft.toml";
const AT: &str = "192.168.77.11:8500";

fn status(host: &Host) -> String {
    String::from_utf8_lossy(&host.output(&["weft", "status"]).stdout).into_owned()
}

/// Nothing of what anybody has to look at.
fn is_well(host: &Host) -> bool {
    host.output(&["weft", "status"]).status.success()
}

#[test]
fn a_cluster_by_hand_becomes_a_signed_one_and_nothing_stops() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let token = "--cluster-store-opt=token-file=/etc/weft/token";
    for host in [one, two] {
        host.write("/etc/weft/token", "a secret of some length\n");
    }
    let (serve, store) = (format!("--store-serve={AT}"), format!("--cluster-store=consul://{AT}"));
    let mut first = one.agent(&["--cluster-advertise=eth0", &serve, token]);
    let mut second = two.agent(&["--cluster-advertise=eth0", &store, token]);
    one.run(&["weft", "network", "create", "overlay"]);
    until("the network is there", SOON, || has_network(two, "overlay"));
    let [a, b] = [Container::attach(one, "overlay", "a"), Container::attach(two, "overlay", "b")];
    let pings = Pings::start(&a, &b);

    // What the first was started with goes into the file.
    let by_hand =
        format!("store-serve = \"{AT}\"\n\n[cluster-store-opt]\ntoken-file = \"/etc/weft/token\"\n");
    one.write(FILE, &by_hand);
    first.stop();
    let mut first = init(one, &[]);
    assert!(status(one).contains("trust: store"), "{}", status(one));
    until("who joined by hand goes on", SOON, || {
        two.output(&["weft", "network", "create", "more"]).status.success()
    });
    second.stop();
    let mut second = let_in(one, two);
    until("it reaches the store as a member", SOON, || {
        status(two).contains(&format!("weft://{AT}"))
            && two.output(&["weft", "network", "ls"]).status.success()
    });
    let joined = two.run(&["cat", FILE]);
    assert!(joined.contains("trust = \"store\""), "{joined}");

    // All are members: each is told to believe nobody else.
    for host in [one, two] {
        host.run(&["sed", "-i", "-e", "1i trust = \"signed\"", "-e", "/^trust *=/d", FILE]);
    }
    one.run(&["sed", "-i", "/token-file/d", FILE]);
    second.stop();
    let _second = two.agent(&[]);
    first.stop();
    let _first = one.agent(&[]);
    for host in [one, two] {
        until("all is well", SOON, || is_well(host) && status(host).contains("trust: signed"));
    }
    ask_each_other([one, two]);
    let old = format!("curl -s -H 'X-Consul-Token: a secret of some length' http://{AT}/v1/kv/weft/?keys");
    let old = two.output(&["sh", "-c", &old]);
    assert!(String::from_utf8_lossy(&old.stdout).contains("join"), "the token is good for nothing: {old:?}");
    let again = one.run(&["weft", "init", "--cluster-advertise=eth0"]);
    assert!(again.contains("Nothing had to be changed in /etc/weft/weft.toml"), "{again}");
    two.run(&["weft", "network", "create", "last"]);
    until("it is everywhere", SOON, || has_network(one, "last"));
    let counted = pings.count();
    assert!(counted.lost.is_empty(), "{counted:?}");
}
