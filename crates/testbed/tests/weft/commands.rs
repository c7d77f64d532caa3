//! What every command writes: tables for people, JSON for programs, ids for scripts.

use crate::cluster::{Cluster, sleeper};
use weft_testbed::World;

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
fn without_an_agent_it_is_said_and_completion_works() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    for command in [&["network", "ls"][..], &["ps"], &["status"], &["node", "ls"], &["plan"]] {
        let refusal = host.refused(&[&["weft"], command].concat());
        assert!(refusal.contains("is `weft agent` running?"), "{command:?}: {refusal}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = host.run(&["weft", "completion", shell]);
        assert!(script.contains("network"), "{shell}: {script}");
    }
    // As bash would offer it.
    let complete = r#"source <(weft completion bash)
        COMP_WORDS=(weft network cre) COMP_CWORD=2
        _weft weft cre network
        echo "${COMPREPLY[*]}""#;
    assert_eq!(host.run(&["bash", "-c", complete]), "create\n");
}
