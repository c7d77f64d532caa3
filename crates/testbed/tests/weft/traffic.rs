//! What goes through containers is counted, and shown as it changes.

use crate::cluster::{Cluster, SOON, exec, sleeper};
use serde_json::Value;
use std::{io::Write, process::Stdio};
use weft_testbed::{Host, until};

/// How many pings there are, and how large each is as a frame: 8 bytes of ICMP, 20 of IPv4, 14 of Ethernet.
const PINGS: u64 = 20;
const FRAME: u64 = 1000 + 42;

/// What one host says of a container's traffic.
fn counted(host: &Host, name: &str) -> Value {
    let all = host.json(&["weft", "endpoint", "ls", "-v", "--format", "json"]);
    let found = all.as_array().and_then(|all| all.iter().find(|one| one["name"] == name));
    found.map(|one| one["traffic"].clone()).unwrap_or_default()
}

fn pings(host: &Host) {
    exec(host, "a", &["ping", "-q", "-i0.01", &format!("-c{PINGS}"), "-s1000", "b"]);
}

#[test]
fn what_goes_through_a_container_is_counted_on_its_host() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    cluster.create_network(&["overlay"]);
    sleeper(one, "overlay", "a", &[]);
    sleeper(two, "overlay", "b", &[]);
    // The first scrape is what the counters begin with.
    let metric = |direction: &str| {
        let answer = cluster.agents[0].request("GET", "/metrics", None);
        let series = format!("weft_network_{direction}_bytes_total{{network=\"overlay\"}} ");
        let found = answer.body.lines().find_map(|line| line.strip_prefix(&series)).map(str::parse::<u64>);
        found.and_then(Result::ok)
    };
    assert_eq!([metric("receive"), metric("transmit")], [Some(0), Some(0)]);
    let before = [counted(one, "a"), counted(two, "b")];
    pings(one);
    let after = [counted(one, "a"), counted(two, "b")];
    for (before, after) in before.iter().zip(&after) {
        for direction in ["received", "sent"] {
            let grown = |what: &str| {
                let count = |traffic: &Value| traffic[direction][what].as_u64().expect("it is counted");
                count(after) - count(before)
            };
            assert!(grown("packets") >= PINGS && grown("bytes") >= PINGS * FRAME, "{before} {after}");
            assert_eq!(grown("dropped"), 0);
        }
    }
    assert_eq!(counted(one, "b"), Value::Null, "its own host counts it");
    for direction in ["receive", "transmit"] {
        until("it is among the metrics", SOON, || metric(direction) >= Some(PINGS * FRAME));
    }
    let table = one.run(&["weft", "endpoint", "ls", "-v"]);
    assert!(table.contains("DROPPED") && table.contains(" packets"), "{table}");
}

#[test]
fn top_shows_what_is_going_on() {
    let Some(cluster) = Cluster::up(1) else { return };
    let one = cluster.host(1);
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["other"]);
    let script = "while true; do ping -q -c100 -i0.01 -s1000 b; done";
    sleeper(one, "overlay", "b", &[]);
    sleeper(one, "other", "c", &[]);
    one.run(&["weft", "run", "-d", "--net", "overlay", "--name", "a", "--", "sh", "-c", script]);
    let top = |more: &[&str]| one.run(&[&["weft", "top", "--no-stream"], more].concat());
    let looked = |more: &[&str]| -> Value { serde_json::from_str(&top(more)).expect("it is a document") };
    let is_busy = || {
        let all = looked(&["--format", "json"]);
        let [first, second, third] = [0, 1, 2].map(|nth| all[nth]["name"].clone());
        let sends = all[0]["sends"]["bytes"].as_f64().unwrap_or_default();
        third == "c" && first != second && sends > 10_000.0
    };
    until("the busiest come first", SOON, is_busy);
    assert_eq!(looked(&["--format", "json", "--network", "other"]).as_array().map(Vec::len), Some(1));
    assert_eq!(top(&["--format", "{{.name}}", "c"]).trim(), "c");
    assert!(top(&["-d", "0.2"]).starts_with("NAME"));
    assert!(one.refused(&["weft", "top", "nobody"]).contains("called nobody"));
    assert!(one.refused(&["weft", "top", "-d", "0"]).contains("from 0.2"));

    // On a terminal, until a key says that it is enough.
    let shown = tempfile::NamedTempFile::new().expect("there is a /tmp");
    let file = || shown.reopen().expect("it is there");
    let mut child = one
        .command("script")
        .args(["-qfec", "weft top -d 0.2", "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(file())
        .spawn()
        .expect("script is installed");
    let text = || std::fs::read_to_string(shown.path()).expect("it can be read");
    until("it is written anew", SOON, || text().matches("RECEIVES").count() >= 2);
    child.stdin.take().expect("it has one").write_all(b"xq").expect("it reads");
    until("it ends", SOON, || child.try_wait().expect("it is waited for").is_some());
    let text = text();
    assert!(text.contains("q: quit") && text.contains("\x1b[?1049h"), "{text}");
    assert!(text.trim_end().ends_with("\x1b[?25h\x1b[?1049l"), "the terminal is as it was: {text:?}");
}
