//! The authority of a cluster is replaced, kept off its hosts, and lost.

use crate::{
    cluster::{SOON, has_network, ping, sleeper},
    tokens::{init, let_in, token},
};
use std::time::Duration;
use weft_testbed::{Host, Service, World, until};

/// How long hosts may take to have new certificates.
const RENEWED: Duration = Duration::from_secs(60);

/// Three hosts, two of which are in a cluster with a process each; the first serves the store.
fn two_and_one() -> Option<(World, [Service; 2])> {
    let world = World::up(3)?;
    let [one, two] = [world.host(1), world.host(2)];
    let first = init(one, &[]);
    let agents = [first, let_in(one, two)];
    one.run(&["weft", "network", "create", "overlay"]);
    until("the network is on both", SOON, || has_network(two, "overlay"));
    sleeper(one, "overlay", "one", &[]);
    sleeper(two, "overlay", "two", &[]);
    ping(one, "one", "two");
    Some((world, agents))
}

/// The authorities that a host believes, and the hosts that have the key.
fn believed(host: &Host) -> (Vec<String>, Vec<String>) {
    let shown = host.json(&["weft", "ca", "show", "--format", "json"]);
    let texts = |name: &str| {
        let all = shown[name].as_array().expect("a list").iter();
        all.map(|one| one.as_str().expect("a text").to_owned()).collect()
    };
    (texts("believed"), texts("holders"))
}

fn all_is_well(host: &Host) -> bool {
    host.output(&["weft", "status"]).status.success()
}

#[test]
fn an_authority_is_replaced_while_a_host_is_away() {
    let Some((world, mut agents)) = two_and_one() else { return };
    let [one, two, three] = [1, 2, 3].map(|number| world.host(number));
    one.run(&["weft", "node", "promote", "host2"]);
    until("both have the key", SOON, || believed(one).1 == ["host1", "host2"]);
    let before = believed(one).0;
    agents[1].stop();
    let said = one.run(&["weft", "ca", "rotate"]);
    assert!(said.contains("weft node promote host2"), "{said}");
    let newest = believed(one).0[0].clone();
    assert_eq!(believed(one).0, [newest.as_str(), &before[0]]);
    let shown = one.run(&["weft", "ca", "show"]);
    assert!(shown.contains("Not renewed: host1, host2"), "{shown}");
    let refused = one.refused(&["weft", "ca", "rotate"]);
    assert!(refused.contains("being replaced already"), "{refused}");
    // It finds the store that it knew, and hears of the new one there.
    let _again = two.agent(&[]);
    until("the new one is alone on both", RENEWED, || {
        [one, two].iter().all(|host| believed(host).0 == [newest.as_str()])
    });
    until("all is well", SOON, || all_is_well(two));
    ping(one, "one", "two");
    one.run(&["weft", "node", "promote", "host2"]);
    until("both have the key", SOON, || believed(two).1 == ["host1", "host2"]);
    // The store is still there for who connects anew, and who comes anew.
    let _third = let_in(two, three);
    sleeper(three, "overlay", "three", &[]);
    ping(one, "one", "three");
    agents[0].stop();
    let _first = one.agent(&[]);
    until("all is well", SOON, || [one, two, three].iter().all(|host| all_is_well(host)));
    ping(one, "one", "three");
}

#[test]
fn the_key_is_brought_back_from_a_backup_or_replaced_when_all_are_lost() {
    let Some((world, mut agents)) = two_and_one() else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let refused = two.refused(&["sh", "-c", "echo correct horse battery | weft ca export"]);
    assert!(refused.contains("weft node promote host2"), "{refused}");
    let short = one.refused(&["sh", "-c", "echo short | weft ca export"]);
    assert!(short.contains("12 characters"), "{short}");
    let backup = one.run(&["sh", "-c", "echo correct horse battery | weft ca export"]);
    assert!(backup.contains("ENCRYPTED PRIVATE KEY"), "{backup}");
    two.write("/run/backup", &backup);
    let wrong = two.refused(&["sh", "-c", "echo correct horse pottery | weft ca import /run/backup"]);
    assert!(wrong.contains("passphrase is wrong"), "{wrong}");
    two.run(&["sh", "-c", "echo correct horse battery | weft ca import /run/backup"]);
    until("both have the key", SOON, || believed(one).1 == ["host1", "host2"]);
    let refused = two.refused(&["weft", "ca", "new"]);
    assert!(refused.contains("weft ca rotate"), "{refused}");

    for host in [one, two] {
        host.run(&["rm", "/var/lib/weft/credentials/ca.key"]);
    }
    let refused = one.refused(&["weft", "ca", "new"]);
    assert!(refused.contains("weft ca rotate"), "{refused}");
    until("nobody has it, as far as they know", SOON, || believed(one).1.is_empty());
    let said = one.run(&["weft", "ca", "new"]);
    assert!(said.contains("start it again"), "{said}");
    agents[0].stop();
    let _first = one.agent(&[]);
    until("host2 is told", SOON, || {
        let status = two.output(&["weft", "status"]).stdout;
        String::from_utf8_lossy(&status).contains("`weft ca new` was run")
    });
    ping(one, "one", "two");
    // It joins again, and what it has stays.
    agents[1].stop();
    token(one, two, &[]);
    let _second =
        two.spawn(&["sh", "-c", "exec weft join --foreground --cluster-advertise=eth0 </run/token"]);
    until("the new one is alone on both", RENEWED, || {
        [one, two].iter().all(|host| {
            host.output(&["weft", "ca", "show"]).status.success()
                && believed(host).0.len() == 1
                && believed(host).1 == ["host1"]
        })
    });
    until("all is well", SOON, || two.run(&["weft", "endpoint", "ls"]).contains("two"));
    ping(one, "one", "two");
    // Only into the cluster that it is in.
    let third = world.host(3);
    let _other = init(third, &[]);
    token(third, two, &[]);
    let refused = two.refused(&["sh", "-c", "timeout 60 weft join --cluster-advertise=eth0 </run/token"]);
    assert!(refused.contains("agent") || refused.contains("another cluster"), "{refused}");
}
