//! `weft explain` names what keeps one container from another.

use crate::cluster::{Cluster, SOON, cut, exec, mend, sleeper};
use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Host, eventually, until};

/// Within this, a fault is told from the network between hosts.
const TOLD: Duration = Duration::from_secs(10);

/// What `weft explain` says, and whether packets pass.
fn explained(host: &Host, arguments: &[&str]) -> (bool, String) {
    let output = host.output(&[&["weft", "explain"], arguments].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Waits until it is said that packets do not pass, and why in the last line.
#[track_caller]
fn until_blamed(host: &Host, arguments: &[&str], why: &str) {
    eventually(TOLD, || {
        let (passes, said) = explained(host, arguments);
        let is_it = said.trim_end().lines().next_back().is_some_and(|line| line.contains(why));
        if !passes && is_it { Ok(()) } else { Err(format!("not yet {why}: {said}")) }
    });
}

/// Two hosts, one container on each, `web` and `db`, of which `db` listens on port 5432 everywhere and on 5433 alone for itself.
#[track_caller]
fn web_and_db(options: &[&str]) -> Option<Cluster> {
    let cluster = Cluster::up(2)?;
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    cluster.create_network(&[options, &["overlay"]].concat());
    sleeper(one, "overlay", "web", &[]);
    let script = "busybox httpd -p 5432; busybox httpd -p 127.0.0.1:5433; exec sleep 1000";
    two.run(&[
        "weft",
        "run",
        "-d",
        "--network",
        "overlay",
        "--name",
        "db",
        "--",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    for host in [one, two] {
        eventually(SOON, || match explained(host, &["web", "db", "--port", "5432"]) {
            (true, said) if !said.contains("warning") => Ok(()),
            (_, said) => Err(said),
        });
    }
    Some(cluster)
}

#[test]
fn what_is_on_the_way_is_said_by_any_host() {
    let Some(cluster) = web_and_db(&[]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    for host in [one, two] {
        let (passes, said) = explained(host, &["web", "db", "-p", "5432"]);
        assert!(passes, "{said}");
        for words in [
            "web on host1 → db on host2, network overlay",
            "db is 10.0.0.3 for web",
            "web is on overlay as it should be: 10.0.0.2",
            "are sent to host2 (192.168.77.12)",
            "packets get to host2 and back",
            "db is on overlay as it should be: 10.0.0.3",
            ":5432/tcp",
            "web pings db (10.0.0.3): ",
            "packets of up to 1450 bytes",
            "web connects to db on port 5432/tcp",
            "web reaches db",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("problem") && !said.contains("warning"), "{said}");
    }
    // By address and id, the other way, and as JSON.
    let found = one.json(&["weft", "explain", "10.0.0.3", "10.0.0.2", "--format", "json"]);
    assert_eq!((&found["from"]["name"], &found["to"]["name"]), (&Value::from("db"), &Value::from("web")));
    assert!(
        found["findings"].as_array().is_some_and(|all| all.iter().all(|one| one["verdict"] == "ok")),
        "{found}"
    );
    assert_eq!(one.run(&["weft", "plan"]).trim(), "", "nothing is left of it");
}

#[test]
fn what_is_inside_containers_is_said() {
    let Some(cluster) = web_and_db(&[]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    let says = |arguments: &[&str], all: &[&str]| {
        let (passes, said) = explained(one, arguments);
        assert!(!passes && all.iter().all(|words| said.contains(words)), "{all:?}: {said}");
    };
    says(
        &["web", "db", "--port", "5433"],
        &[
            "web does not reach db: on host2, what listens on port 5433/tcp in db does so on 127.0.0.1 alone",
            "0.0.0.0 or [::]",
        ],
    );
    says(
        &["web", "db", "--port", "80/tcp"],
        &[
            "nothing in db listens on port 80/tcp; others listen on 5432/tcp",
            "db refuses connections from web",
        ],
    );
    says(&["web", "nobody"], &["endpoint nobody not found", "weft endpoint ls"]);
    says(&["web", "web"], &["web is asked about itself"]);
    says(&["web", "db", "--port", "99999"], &["expected PORT[/tcp|/udp]"]);

    // A packet filter of the container's own.
    let inside = |script: &str| exec(two, "db", &["sh", "-c", script]);
    inside(
        "nft 'table inet own { chain input { type filter hook input priority 0; icmp type echo-request drop; }; }'",
    );
    let (passes, said) = explained(one, &["web", "db", "--port", "5432"]);
    assert!(
        passes
            && said.contains("does not answer pings from web (nothing comes back), while connections pass"),
        "{said}"
    );
    says(
        &["web", "db"],
        &["db (10.0.0.3) does not answer pings from web: nothing comes back", "nft list ruleset"],
    );
    inside("nft delete table inet own");

    // On another network.
    cluster.create_network(&["other"]);
    sleeper(two, "other", "alone", &[]);
    until("it is known", SOON, || {
        explained(one, &["web", "alone"]).1.contains("web is on network overlay and alone on other")
    });
    says(&["web", "alone"], &["they share none", "network connect overlay alone"]);
}

#[test]
fn what_is_between_hosts_is_said() {
    let Some(cluster) = web_and_db(&[]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    cut(two, "", "udp dport 4789");
    until_blamed(one, &["web", "db"], "no packets from this host arrive on host2");
    until_blamed(one, &["db", "web"], "on host2, no packets from host1 (192.168.77.11) arrive here by VXLAN");
    mend(two);
    until("it is well again", TOLD, || explained(one, &["web", "db"]).0);
    cut(two, "udp dport 4789 meta length > 1400", "udp dport 4789 meta length > 1400");
    until("the network keeps to what passes", SOON, || {
        let (passes, said) = explained(one, &["web", "db"]);
        passes && said.contains("packets of up to 1350 bytes")
    });
    mend(two);
}

#[test]
fn packets_that_are_too_large_are_said() {
    let Some(cluster) = web_and_db(&["-o", "mtu=1450"]) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    cut(two, "udp dport 4789 meta length > 1400", "udp dport 4789 meta length > 1400");
    until_blamed(one, &["web", "db"], "only packets of up to 1350 bytes pass");
    let (_, said) = explained(one, &["web", "db"]);
    assert!(said.contains("web pings db (10.0.0.3) with small packets ("), "{said}");
    mend(two);
    until("it is well again", TOLD, || explained(one, &["web", "db"]).0);
}

#[test]
fn agents_and_hosts_that_are_away_are_said() {
    let Some(mut cluster) = web_and_db(&[]) else { return };
    cluster.agents[1].kill9();
    let (passes, said) = explained(cluster.host(1), &["web", "db", "--port", "5432"]);
    assert!(passes && said.contains("its agent could not be asked"), "packets pass without an agent: {said}");
    let (passes, said) = explained(cluster.host(1), &["db", "web"]);
    assert!(
        !passes && said.contains("it is not known whether db reaches web, since nothing could be sent"),
        "{said}"
    );
    cluster.agents[1].restart();
    let (one, two) = (cluster.host(1), cluster.host(2));
    until("it is asked again", SOON, || !explained(one, &["web", "db"]).1.contains("could not be asked"));
    two.power_off();
    until_blamed(one, &["web", "db"], "db (10.0.0.3) does not answer pings from web");
    let (_, said) = explained(one, &["web", "db"]);
    assert!(said.contains("its agent could not be asked"), "{said}");
    cluster.store.kill9();
    let one = cluster.host(1);
    until("the store is said to be away", SOON, || {
        explained(one, &["web", "db"]).1.contains("the store is out of reach")
    });
}
