//! What packaging/monitoring has for Prometheus and Grafana is sound, and asks for what agents tell.

use crate::cluster::{SOON, sleeper};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use weft_testbed::{World, need, tool, until};

fn packed(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/monitoring").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(packed(file)).expect("it is in the checkout")
}

fn promtool(arguments: &[&str], file: &Path) {
    let promtool = tool("promtool").expect("it was asked for");
    let output = Command::new(promtool).args(arguments).arg(file).output().expect("it starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// The queries of the dashboard, with what Grafana would put in.
fn queries() -> Vec<String> {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("weft-dashboard.json")).expect("it is JSON");
    let panels = dashboard["panels"].as_array().expect("it has panels");
    let targets =
        panels.iter().flat_map(|panel| panel["targets"].as_array().expect("each asks for something"));
    let query = |target: &serde_json::Value| target["expr"].as_str().expect("it is a query").to_owned();
    targets.map(query).map(|q| q.replace("$__rate_interval", "5m").replace("$instance", ".*")).collect()
}

#[test]
fn alert_rules_and_dashboard_are_what_prometheus_takes() {
    if !need("promtool", tool("promtool").is_some()) {
        return;
    }
    promtool(&["check", "rules"], &packed("weft-alerts.yml"));
    promtool(&["test", "rules"], &packed("weft-alerts-test.yml"));
    let queries = queries();
    assert!(queries.len() > 10, "{queries:?}");
    let rule = |(number, query)| serde_json::json!({"record": format!("panel:{number}"), "expr": query});
    let rules: Vec<_> = queries.into_iter().enumerate().map(rule).collect();
    let groups = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let file = tempfile::NamedTempFile::new().expect("there is room");
    // JSON is YAML.
    fs::write(file.path(), groups.to_string()).expect("there is room");
    promtool(&["check", "rules"], file.path());
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    words
        .filter(|word| word.starts_with("weft_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_they_ask_for_is_what_an_agent_tells() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let agent = host.agent(&["--cluster-advertise=eth0"]);
    until("it has joined", SOON, || host.output(&["weft", "status"]).status.success());
    // Traffic is told by network.
    host.run(&["weft", "network", "create", "overlay"]);
    sleeper(host, "overlay", "one", &[]);
    let scrape = || agent.request("GET", "/metrics", None).body;
    until("it tells of the network", SOON, || scrape().contains("weft_network_receive_bytes"));
    let metrics = scrape();
    let told: BTreeSet<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let of_an_engine = ["weft_docker_up", "weft_docker_calls", "weft_docker_call_duration_seconds"];
    let endings = ["", "_total", "_info", "_bucket", "_count", "_sum"];
    let is_told = |name: &str| {
        let mut families = endings.iter().filter_map(|ending| name.strip_suffix(ending));
        // Of an engine it tells only where there is one.
        families.any(|family| told.contains(family) || of_an_engine.contains(&family))
    };
    let asked: BTreeSet<_> =
        queries().iter().chain([&read("weft-alerts.yml")]).flat_map(|text| named(text)).collect();
    assert!(asked.len() > 15, "{asked:?}");
    for name in asked {
        assert!(is_told(&name), "{name} is not in:\n{metrics}");
    }
}
