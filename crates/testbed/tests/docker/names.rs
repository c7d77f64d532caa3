//! What containers are called, by everybody and by one alone.

use crate::cluster::{Cluster, SOON, ping, resolves, waiter};
use weft_testbed::{Host, Release, until};

/// What `weft status` says, whether or not there is something to look at.
fn status(host: &Host) -> String {
    String::from_utf8_lossy(&host.output(&["weft", "status"]).stdout).into_owned()
}

#[test]
fn names_are_answered_as_they_were_given() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    let label = "l".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "m".repeat(61));
    for (engine, other) in [(0, 1), (1, 0)].map(|(a, b)| (&cluster.engines[a], &cluster.engines[b])) {
        waiter(other, "overlay", "observer", "");
        let aliases = format!("--network-alias _x --network-alias Case.Kept --network-alias {long}");
        // Longer than 63 bytes, and no alias of anybody.
        let name = format!("Web.{}", "n".repeat(63));
        waiter(engine, "overlay", &name, &aliases);
        for known in ["_x", "Case.Kept", "case.kept", &long, &name] {
            until("it resolves", SOON, || !resolves(other, "observer", known).is_empty());
            ping(other, "observer", known);
        }
        let inspected = other.host().run(&["weft", "network", "inspect", "overlay"]);
        assert!(inspected.contains(&format!("\"{name}\"")), "{inspected}");
        let short = engine.docker(&format!("inspect -f {{{{.Id}}}} {name}"));
        ping(other, "observer", &short[..12]);

        // What cannot be asked for is said, as long as it is there.
        engine.host().run(&[
            "docker",
            "run",
            "-itd",
            "--net=overlay",
            "--network-alias=a b",
            "--name=odd",
            "busybox",
        ]);
        let said = "container odd of Docker cannot be asked for as \"a b\" on network overlay";
        until("it is said", SOON, || status(engine.host()).contains(said));
        engine.docker(&format!("rm -f {name} odd"));
        until("and no longer", SOON, || !status(engine.host()).contains(said));
        other.docker("rm -f observer");
    }
    cluster.engines[0].docker("network rm overlay");
    cluster.is_empty_soon();
}

#[test]
fn a_link_leads_to_another_host_for_one_container_alone() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    cluster.create_network("later");
    for (engine, other) in [(0, 1), (1, 0)].map(|(a, b)| (&cluster.engines[a], &cluster.engines[b])) {
        waiter(other, "overlay", "db", "");
        other.docker("network connect later db");
        waiter(engine, "overlay", "linked", "--link db:database");
        waiter(engine, "overlay", "alone", "");
        until("it is known", SOON, || !resolves(engine, "linked", "database").is_empty());
        assert_eq!(resolves(engine, "linked", "database"), resolves(engine, "alone", "db"));
        ping(engine, "linked", "database.overlay");
        assert!(resolves(engine, "alone", "database").is_empty(), "it is for one container alone");

        engine.docker("network connect --link db:backend later alone");
        until("it is known", SOON, || !resolves(engine, "alone", "backend").is_empty());
        ping(engine, "alone", "backend");
        engine.docker("restart -t0 linked");
        until("after a restart, too", SOON, || !resolves(engine, "linked", "database").is_empty());
        engine.docker("rm -f linked alone");
        other.docker("rm -f db");
    }
    cluster.engines[1].docker("network rm overlay later");
    cluster.is_empty_soon();
}

#[test]
fn a_name_that_two_hosts_have_is_said() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Newest]) else { return };
    cluster.create_network("overlay");
    let [one, two] = [0, 1].map(|index| &cluster.engines[index]);
    for engine in [one, two] {
        waiter(engine, "overlay", "web", "");
    }
    for (engine, other) in [(one, "host2"), (two, "host1")] {
        let said = format!("web on network overlay is the name of a container on this host and on {other}");
        until("status says so", SOON, || status(engine.host()).contains(&said));
        let inspected = engine.host().json(&["weft", "network", "inspect", "overlay"]);
        let containers = inspected[0]["Containers"].as_object().expect("it has containers");
        let marked = containers.values().filter(|one| one["NameAlsoOn"].is_array()).count();
        assert_eq!(marked, 2, "{inspected}");
        until("and the log", SOON, || {
            cluster.agents.iter().all(|agent| agent.log().contains("a name is used twice"))
        });
    }
    two.docker("rename web web-2");
    for engine in [one, two] {
        until("it is over", SOON, || engine.host().output(&["weft", "status"]).status.success());
    }
    for engine in [one, two] {
        engine.docker("rm -f web web-2");
    }
    one.docker("network rm overlay");
    cluster.is_empty_soon();
}
