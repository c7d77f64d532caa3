//! What an operator sees of a host.

use crate::cluster::{Cluster, SOON, exec, ping, sleeper};
use serde_json::Value;
use std::{collections::BTreeMap, net::TcpStream, time::Duration};
use weft_testbed::{Agent, Host, World, request, until};

/// How long it may take until a silent host counts as down: Consul takes up to twice the TTL, of 10 s here.
const DOWN: Duration = Duration::from_secs(60);

/// A host's status, and how `weft status` ended.
fn status(host: &Host) -> (Value, i32) {
    let output = host.output(&["weft", "status", "--format", "json"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    let json = serde_json::from_str(&printed).expect("it is JSON, also when something is wrong");
    (json, output.status.code().expect("it was not killed"))
}

fn network<'s>(status: &'s Value, name: &str) -> &'s Value {
    let networks = status["agreement"]["networks"].as_array().expect("the kernel was looked at");
    networks.iter().find(|network| network["name"] == name).expect("the network is here")
}

#[test]
fn status_says_what_the_kernel_has_otherwise_than_it_should() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1).clone(), cluster.host(2).clone()];
    assert_eq!(status(&one).0["agreement"]["networks"], serde_json::json!([]), "nothing is here yet");
    cluster.create_network(&["overlay"]);
    sleeper(&one, "overlay", "one", &[]);
    sleeper(&two, "overlay", "two", &[]);
    ping(&one, "one", "two");

    let (seen, code) = status(&one);
    let overlay = network(&seen, "overlay");
    assert_eq!((code, &overlay["agrees"], &overlay["endpoints"]), (0, &true.into(), &1.into()), "{seen:#}");
    assert_eq!((&overlay["agreed"], &overlay["differs_since"]), (&seen["agreement"]["at"], &Value::Null));
    assert!(seen["store"]["latency_us"].as_u64().is_some_and(|took| took > 0), "{seen:#}");
    let text = one.run(&["weft", "status"]);
    assert!(text.contains("Kernel:     as it should be") && text.contains("overlay   1 "), "{text}");

    // Somebody takes away what leads to the other host, again and again: the agent puts it back sooner than one can look.
    let forget = r#"while true; do ip -n weft-256 neigh show dev vxlan0 | while read -r address rest; do
        ip -n weft-256 neigh del "$address" dev vxlan0; done; done"#;
    let somebody = one.spawn(&["sh", "-c", forget]);
    until("it is seen to be missing", SOON, || {
        let (seen, code) = status(&one);
        let overlay = network(&seen, "overlay");
        let missing =
            overlay["missing"] == 1 && overlay["differs_since"].is_string() && overlay["agreed"].is_string();
        missing && overlay["agrees"] == false && code == 0
    });
    drop(somebody);
    until("it is put back", SOON, || network(&status(&one).0, "overlay")["agrees"] == true);
    ping(&one, "one", "two");

    cluster.store.kill9();
    until("the store is said to be out of reach", SOON, || {
        let (seen, code) = status(&one);
        code == 1 && seen["store"]["error"].is_string() && network(&seen, "overlay")["agrees"] == true
    });
    let logged = status(&one).0["errors"].clone();
    assert!(logged.to_string().contains("store out of reach"), "{logged:#}");
    assert!(!one.output(&["weft", "status"]).status.success());
    cluster.store = one.consul();
    // It is an empty one: what was in the other is put back.
    until("all is well again", DOWN, || status(&one).1 == 0 && status(&two).1 == 0);
    assert_eq!(network(&status(&two).0, "overlay")["agrees"], true);

    cluster.agents.iter_mut().for_each(|agent| agent.kill9());
    let output = one.output(&["weft", "status"]);
    assert_eq!(output.status.code(), Some(3), "no agent runs: {output:?}");
}

#[test]
fn a_host_that_is_down_is_named_with_the_time_it_has_left() {
    let Some(world) = World::up(2) else { return };
    let store = world.host(1).consul();
    let store_option = format!("--cluster-store={}", store.url());
    let options = ["--cluster-advertise=eth0", "--cluster-store-opt=discovery.ttl=10", "--node-expiry=30m"];
    let start = |host: &Host| host.agent(&[&[store_option.as_str()], &options[..]].concat());
    let [_one, mut two] = [1, 2].map(|number| start(world.host(number)));
    let host = world.host(1);
    until("both are up", SOON, || status(host).0["counts"]["nodes up"] == 2);
    two.kill9();
    until("it is seen to be down", DOWN, || status(host).0["down"][0]["expires"].is_string());
    let (seen, code) = status(host);
    let down = &seen["down"][0];
    assert_eq!((&down["node"], &down["expired"], code), (&"host2".into(), &false.into(), 0), "{seen:#}");
    let text = host.run(&["weft", "status"]);
    assert!(text.contains("Nodes:      1 up, 1 down") && text.contains("host2 is down for "), "{text}");
    assert!(text.contains("given up in 29 minutes") || text.contains("given up in 30 minutes"), "{text}");
    two.restart();
    until("it is up again", SOON, || status(host).0["down"] == serde_json::json!([]));
}

/// Samples by name and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        (series.to_owned(), value.parse().expect("it is a number"))
    };
    lines.map(sample).collect()
}

fn scrape(agent: &Agent) -> BTreeMap<String, f64> {
    let answer = agent.request("GET", "/metrics", None);
    assert_eq!(answer.status, 200, "{answer:?}");
    samples(&answer.body)
}

#[test]
fn metrics_grow_with_what_happens() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let agent =
        host.agent(&["--cluster-advertise=eth0", "--metrics-listen=127.0.0.1:9477", "--log-format=json"]);
    until("it has joined", SOON, || status(host).1 == 0);
    let before = scrape(&agent);
    assert_eq!(
        (before["weft_store_up"], before["weft_session_held"], before["weft_networks"]),
        (1.0, 1.0, 0.0)
    );

    host.run(&["weft", "network", "create", "overlay"]);
    sleeper(host, "overlay", "one", &[]);
    sleeper(host, "overlay", "two", &[]);
    exec(host, "one", &["getent", "hosts", "two"]);
    // A scrape soon after another may report what the earlier one saw.
    until("the kernel was looked at since", SOON, || {
        let now = scrape(&agent);
        let is_counted = now.contains_key("weft_network_receive_bytes_total{network=\"overlay\"}");
        is_counted && now.get("weft_kernel_networks_agreeing") == Some(&1.0)
    });
    let after = scrape(&agent);
    let grown = |series: &str| after[series] - before.get(series).copied().unwrap_or(0.0);
    assert_eq!((after["weft_networks"], after["weft_local_endpoints"]), (1.0, 2.0));
    assert_eq!((after["weft_kernel_networks"], after["weft_kernel_networks_agreeing"]), (1.0, 1.0));
    assert!(grown("weft_store_calls_total{call=\"commit\",result=\"ok\"}") >= 3.0, "{after:#?}");
    assert!(grown("weft_store_call_duration_seconds_count{call=\"commit\"}") >= 3.0);
    assert!(grown("weft_store_watch_lag_seconds_count") >= 1.0);
    assert!(grown("weft_dns_queries_total{result=\"answered\"}") >= 1.0);
    assert_eq!(grown("weft_reconcile_steps_total{kind=\"create_namespace\"}"), 1.0);
    assert!(grown("weft_reconcile_duration_seconds_count") >= 1.0);
    assert!(after["process_resident_memory_bytes"] > 1e6 && after["process_open_fds"] > 5.0);

    let over_tcp = |path: &str| {
        host.inside(None, || {
            let stream = TcpStream::connect("127.0.0.1:9477").expect("it listens");
            request(stream, "GET", path, None).expect("it answers")
        })
    };
    assert_eq!(samples(&over_tcp("/metrics").body).len(), after.len());
    assert_eq!(over_tcp("/networks").status, 404, "nothing else is there");
    let log = agent.log();
    assert!(log.contains("agent started"), "{log}");
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        assert!(
            event["time"].is_string() && event["level"].is_string() && event["message"].is_string(),
            "{event}"
        );
    }
}

#[test]
fn metrics_are_not_shown_to_other_hosts() {
    let Some(world) = World::up(1) else { return };
    let refusal = world.host(1).refused(&["weft", "agent", "--metrics-listen=0.0.0.0:9477"]);
    assert!(refusal.contains("not a loopback address"), "{refusal}");
}

#[test]
fn a_bug_report_has_everything_but_secrets() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let mut store = host.consul();
    host.write("/etc/weft/token", "pl4nted-token\n");
    host.write("/etc/weft/weft.toml", "# token = \"pl4nted-in-file\"\nlog-level = \"debug\"\n");
    let store_option = format!("--cluster-store={}", store.url());
    let options = ["--cluster-advertise=eth0", "--cluster-store-opt=token-file=/etc/weft/token"];
    let mut agent = host.agent(&[&[store_option.as_str()], &options[..]].concat());
    until("it has joined", SOON, || status(host).1 == 0);
    host.run(&["weft", "network", "create", "--label", "db_password=pl4nted-label", "overlay"]);
    let run =
        ["weft", "run", "-d", "--net", "overlay", "--name", "one", "-e", "API_TOKEN=pl4nted-environment"];
    host.run(&[&run[..], &["--", "sh", "-c", "sleep infinity # pl4nted-argument"]].concat());

    let bundle = |name: &str| {
        let path = format!("/run/{name}.tar.gz");
        let said = host.run(&["weft", "debug", "bundle", "-o", &path]);
        assert!(said.starts_with(&path), "{said}");
        assert_eq!(host.run(&["stat", "-c", "%a %u", &path]), "600 0\n");
        let again = host.refused(&["weft", "debug", "bundle", "-o", &path]);
        assert!(again.contains("File exists"), "{again}");
        let directory = format!("/run/{name}");
        host.run(&["mkdir", &directory]);
        host.run(&["tar", "-xzf", &path, "-C", &directory, "--strip-components=1"]);
        let found = host.output(&["grep", "-rn", "pl4nted", &directory]);
        assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
        (said, move |file: &str| host.run(&["cat", &format!("{directory}/{file}")]))
    };
    let (said, read) = bundle("whole");
    assert!(!said.contains("status.json") && !said.contains("kernel.json"), "{said}");
    assert!(read("status.json").contains("\"agrees\": true"));
    assert!(read("networks.json").contains("overlay") && read("nodes.json").contains("host1"));
    assert!(read("metrics.txt").contains("weft_build_info"));
    assert!(read("agent-log.txt").contains("joined the cluster"));
    assert!(read("agent-settings.txt").contains("/etc/weft/token"), "where a secret is kept is none");
    assert!(read("store-keys.txt").contains("weft/v1/nodes/host1"));
    assert!(read("kernel.json").contains("weft-256") && read("kernel.json").contains("vxlan0"));
    assert!(
        read("README.txt").contains("Read it before you send it")
            || read("README.txt").contains("read it before")
    );

    store.kill9();
    let (said, read) = bundle("no-store");
    assert!(said.contains("without store-keys.txt: "), "{said}");
    assert!(read("status.json").contains("\"error\"") && read("kernel.json").contains("weft-256"));

    host.run(&["sh", "-c", "kill -STOP $(pidof weft)"]);
    let (said, read) = bundle("agent-that-hangs");
    assert!(said.contains("did not answer within 10 s") && said.contains("the agent hangs"), "{said}");
    assert!(read("kernel.json").contains("weft-256"));

    agent.kill9();
    let (said, read) = bundle("no-agent");
    assert!(said.contains("without status.json: ") && said.contains("is `weft agent` running?"), "{said}");
    assert!(read("kernel.json").contains("weft-256") && read("host.txt").contains("Linux"));
    assert!(read("weft.toml").contains("log-level"));
}
