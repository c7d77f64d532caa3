//! What every command writes: tables for people, JSON for programs, ids for scripts.

use crate::cluster::{Cluster, SOON, exec, sleeper};
use weft_testbed::{Host, World, until};

#[test]
fn lists_are_tables_json_and_ids() {
    let Some(cluster) = Cluster::up(2) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["--label", "tier=web", "overlay"]);
    sleeper(host, "overlay", "p", &[]);
    for (list, heading, name) in [
        (&["network", "ls"][..], "NETWORK ID", "overlay"),
        (&["node", "ls"], "NAME", "host2"),
        (&["endpoint", "ls"], "ENDPOINT ID", "p"),
        (&["ps"], "PROCESS ID", "p"),
    ] {
        let with = |options: &[&'static str]| [&["weft"], list, options].concat();
        let table = host.run(&with(&[]));
        assert!(table.starts_with(heading) && table.contains(name), "{list:?}: {table}");
        let json = host.json(&with(&["--format", "json"]));
        let items = json.as_array().expect("a list");
        assert!(items.iter().any(|item| item["name"] == name || item["Name"] == name), "{list:?}: {json}");
        let ids = host.run(&with(&["-q"]));
        assert_eq!(ids.lines().count(), items.len(), "{list:?}");
        assert!(ids.lines().all(|line| !line.contains(' ')), "{list:?}: {ids}");
    }
    let filtered = |filter| host.run(&["weft", "network", "ls", "-q", "-f", filter]).lines().count();
    assert_eq!(["label=tier=web", "label=none", "name=over", "dangling=true"].map(filtered), [1, 0, 1, 0]);

    let status = host.json(&["weft", "status", "--format", "json"]);
    assert_eq!((&status["node"], status["problems"].as_array().map(Vec::len)), (&"host1".into(), Some(0)));
    assert!(host.run(&["weft", "status"]).contains("in reach for "));
    assert_eq!(host.json(&["weft", "plan", "--format", "json"]), serde_json::json!({"steps": []}));
    assert_eq!(host.run(&["weft", "plan"]), "");
    assert!(host.run(&["weft", "version"]).contains("Agent:"));
    assert!(host.json(&["weft", "version", "--format", "json"])["agent"]["ApiVersion"].is_string());

    // What is there is shown also if something is not.
    for (inspect, there) in [("network", "overlay"), ("node", "host2")] {
        let output = host.output(&["weft", inspect, "inspect", "nothing", there]);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains(there) && !output.status.success(), "{inspect}: {shown}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing not found"));
    }
    assert!(host.refused(&["weft", "node", "rm", "host2"]).contains("stop its agent"));
    assert!(host.refused(&["weft", "network", "prune"]).contains("--force"));
    host.run(&["weft", "rm", "-f", "p"]);
    assert_eq!(host.run(&["weft", "network", "prune", "-f"]), "overlay\n");
}

#[test]
fn who_has_what_and_what_names_lead_to() {
    let Some(cluster) = Cluster::up(2) else { return };
    let (one, two) = (cluster.host(1), cluster.host(2));
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["--subnet", "10.9.0.0/29", "other"]);
    sleeper(one, "overlay", "a", &[]);
    sleeper(two, "overlay", "b", &["--network-alias", "db"]);
    sleeper(two, "other", "c", &[]);
    until("host1 knows them all", SOON, || {
        one.json(&["weft", "endpoint", "ls", "--format", "json"]).as_array().map_or(0, Vec::len) == 3
    });
    let endpoints =
        one.json(&["weft", "endpoint", "ls", "--network", "overlay", "--node", "host2", "--format", "json"]);
    let b = &endpoints[0];
    for what in ["ipv4", "mac", "name", "id"]
        .map(|what| b[what].as_str().expect("it has one"))
        .into_iter()
        .chain(["db", "DB"])
    {
        let found = one.json(&["weft", "whois", what, "--format", "json"]);
        assert_eq!(
            (found[0]["name"].as_str(), found[0]["node"].as_str()),
            (Some("b"), Some("host2")),
            "{what}: {found}"
        );
        assert_eq!((&found[0]["kind"], &found[0]["network"]), (&"endpoint".into(), &"overlay".into()));
    }
    let table = one.run(&["weft", "whois", "b"]);
    assert!(table.starts_with("NAME") && table.contains("overlay") && table.contains("host2"), "{table}");
    assert_eq!(one.json(&["weft", "whois", "10.9.0.1", "--format", "json"])[0]["kind"], "gateway");
    assert_eq!(one.json(&["weft", "whois", "192.168.77.12", "--format", "json"])[0]["name"], "host2");
    assert!(one.refused(&["weft", "whois", "10.9.0.6"]).contains("of network other (10.9.0.0/29)"));
    assert!(one.refused(&["weft", "whois", "nobody"]).contains("nobody has nobody"));

    // As the container itself is told.
    let address = b["ipv4"].as_str().expect("it has one");
    for name in ["b", "DB", "b.overlay"] {
        let told = one.json(&["weft", "resolve", name, "--as", "a", "--format", "json"]);
        assert_eq!((&told["answered_by"], &told["node"]), (&"weft".into(), &"host1".into()), "{told}");
        let record = &told["records"][0];
        assert_eq!((&record["type"], record["address"].as_str()), (&"A".into(), Some(address)), "{told}");
        assert_eq!((&record["endpoint"], &record["node"]), (&"b".into(), &"host2".into()), "{told}");
        assert!(exec(one, "a", &["getent", "ahostsv4", name]).contains(address), "{name}");
    }
    // One on another host is told the same, of its own networks.
    let told = one.json(&["weft", "resolve", "a", "--as", "b", "--format", "json"]);
    assert_eq!(told["records"][0]["endpoint"], "a", "{told}");
    assert!(
        one.refused(&["weft", "resolve", "c", "--as", "a"]).contains("the name servers of host1 are asked")
    );
    assert!(one.refused(&["weft", "resolve", "a", "--as", "nobody"]).contains("container nobody not found"));

    let inspected = one.json(&["weft", "network", "inspect", "other"]);
    let room = &inspected[0]["Status"]["IPAM"]["Subnets"]["10.9.0.0/29"];
    assert_eq!((&room["IPsInUse"], &room["DynamicIPsAvailable"]), (&4.into(), &4.into()), "{inspected}");
    let shown = one.run(&["weft", "network", "inspect", "other", "--format", "table"]);
    assert!(shown.contains("IN USE") && shown.contains("c "), "{shown}");
}

#[test]
fn without_an_agent_it_is_said_and_completion_works() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    for command in [&["network", "ls"][..], &["ps"], &["status"], &["node", "ls"], &["plan"]] {
        let refusal = host.refused(&[&["weft"], command].concat());
        assert!(refusal.contains("is `weft agent` running?"), "{command:?}: {refusal}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = host.run(&["weft", "completion", shell]);
        assert!(script.contains("WEFT_COMPLETE"), "{shell}: {script}");
    }
    assert_eq!(offered(host, &["network", "cre"]), "create");
    assert_eq!(offered(host, &["network", "rm", ""]), "", "who is not there knows nothing");
}

#[test]
fn names_are_completed() {
    let Some(cluster) = Cluster::up(2) else { return };
    let one = cluster.host(1);
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["other"]);
    sleeper(cluster.host(2), "overlay", "nginx_02", &[]);
    until("all of it is known", SOON, || offered(one, &["explain", "ngi"]) == "nginx_02");
    assert_eq!(offered(one, &["network", "rm", "o"]), "other overlay");
    assert_eq!(offered(one, &["run", "--net", "ov"]), "overlay");
    assert_eq!(offered(one, &["node", "inspect", "host"]), "host1 host2");
    assert_eq!(offered(one, &["ping", "host2"]), "host2");
    assert_eq!(offered(cluster.host(2), &["stop", ""]), "nginx_02");
}

/// What bash offers behind these words.
fn offered(host: &Host, words: &[&str]) -> String {
    let script = r#"source <(weft completion bash)
        COMP_WORDS=(weft "$@") COMP_CWORD=$# COMP_TYPE=9
        _clap_complete_weft weft "${!#}" ""
        printf '%s ' "${COMPREPLY[@]}""#;
    let run = [&["bash", "-c", script, "bash"], words].concat();
    // Flags may be offered, too.
    let all = host.run(&run);
    all.split_whitespace().filter(|word| !word.starts_with('-')).collect::<Vec<_>>().join(" ")
}
