//! A status, for people.

use crate::output::{ago, aligned, or_dash, render, since};
use clap::builder::styling::{AnsiColor, Style};
use jiff::Timestamp;
use std::time::Duration;
use weft_api::v1;

/// How many of the last warnings and errors are shown.
const ERRORS: usize = 5;

/// How this host is, then its networks, then what needs to be looked at.
pub(super) fn of(status: &v1::Status, now: Timestamp, verbose: bool) -> String {
    let networks = status.agreement.iter().flat_map(|agreement| &agreement.networks);
    let rows: Vec<_> = networks.map(|network| row(network, now)).collect();
    let mut pairs = pairs(status, now);
    if verbose {
        pairs.push(("Unknown", unknown(status)));
    }
    let mut parts = vec![aligned(&pairs)];
    if !rows.is_empty() {
        parts.push(render(&["NETWORK", "ENDPOINTS HERE", "MTU", "IN THE KERNEL"], rows));
    }
    let mark = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    let problems = status.problems.iter().map(|problem| format!("{mark}!{mark:#} {problem}"));
    parts.extend(listed("To look at:", problems));
    parts.extend(listed("Good to know:", status.notes.iter().map(|note| format!("- {note}"))));
    let errors = status.errors.iter().take(ERRORS).map(|error| {
        let times = if error.times > 1 { format!(" ({} times)", error.times) } else { String::new() };
        format!("{:>14}  {}{times}", ago(error.last, now), error.message)
    });
    parts.extend(listed("Last in the log:", errors));
    parts.join("\n\n")
}

/// Lines under a heading, if there are any.
fn listed(heading: &str, lines: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<_> = [heading.to_owned()].into_iter().chain(lines).collect();
    (lines.len() > 1).then(|| lines.join("\n"))
}

fn pairs(status: &v1::Status, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut pairs = vec![
        ("Node", format!("{} ({})", status.node, status.id)),
        ("Agent", format!("version {}, started {}", status.version, ago(status.started, now))),
        (
            "Advertise",
            format!("{}, VXLAN on {} port {}/udp", status.advertise, status.vtep, status.vxlan_port),
        ),
        ("Data", status.data_dir.display().to_string()),
        ("Store", store(&status.store, now)),
        ("Cluster", cluster(status)),
        ("Nodes", nodes(status)),
    ];
    pairs.extend(status.down.iter().map(|node| ("", down(node, now))));
    if let Some(engine) = &status.engine {
        pairs.push(("Docker", docker(engine, now)));
    }
    let counts = ["networks", "endpoints", "endpoints here", "processes"];
    let counted = counts.iter().filter_map(|what| Some((what, status.counts.get(*what)?)));
    let known: Vec<_> = counted.map(|(what, count)| format!("{what} {count}")).collect();
    pairs.push(("Known", known.join(", ")));
    if let Some(round) = &status.round {
        let failures = if round.failures.is_empty() { "" } else { ", with failures" };
        let took = Duration::from_micros(round.took_us);
        let steps = round.steps;
        pairs.push(("Last round", format!("{steps} steps in {took:?}, {}{failures}", ago(round.at, now))));
    }
    pairs.push(("Kernel", kernel(status.agreement.as_ref(), now)));
    pairs
}

fn store(store: &v1::Store, now: Timestamp) -> String {
    let (url, since) = (&store.url, since(store.since, now));
    let answered = store.answered.zip(store.latency_us).map(|(at, latency)| {
        format!("last answer {}, in {:?}", ago(at, now), Duration::from_micros(latency))
    });
    let from = if store.remembered { "; the cluster is known from this host's disk" } else { "" };
    let how = match store {
        v1::Store { refused: true, .. } => "not this host's",
        v1::Store { lost: true, .. } => "not to be gone by",
        _ => "out of reach",
    };
    match (&store.error, answered) {
        (None, None) => format!("{url}, in reach for {since}"),
        (None, Some(answered)) => format!("{url}, in reach for {since}; {answered}"),
        (Some(error), None) => format!("{url}, {how} for {since}: {error}{from}"),
        (Some(error), Some(answered)) => format!("{url}, {how} for {since} ({answered}): {error}{from}"),
    }
}

/// Keys that a later version knows.
fn unknown(status: &v1::Status) -> String {
    let kinds = &status.unknown_keys;
    if kinds.is_empty() {
        return "no keys in the store".to_owned();
    }
    let each: Vec<_> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let (all, version) = (kinds.values().sum::<usize>(), &status.version);
    let keys = if all == 1 { "key" } else { "keys" };
    format!("{all} {keys} in the store that version {version} does not know: {}", each.join(", "))
}

/// Which one this host belongs to, where the store has it, and whom it believes where the others are.
fn cluster(status: &v1::Status) -> String {
    let v1::Status { store, trust, .. } = status;
    let id = store.cluster.map_or_else(|| "none yet".to_owned(), |id| id.short());
    // An agent of before does not say.
    let prefix = if store.prefix.is_empty() { String::new() } else { format!(", prefix {}", store.prefix) };
    format!("{id}{prefix}, trust: {trust}")
}

fn nodes(status: &v1::Status) -> String {
    let joined = if status.joined { "" } else { "; this one is not in the cluster" };
    let up = status.counts.get("nodes up").copied().unwrap_or(0);
    // An agent of before does not count them.
    let doubted = status.counts.get("nodes not believed").copied().unwrap_or(0);
    let doubted = if doubted == 0 { String::new() } else { format!(", {doubted} not believed") };
    format!("{up} up, {} down{doubted}{joined}", status.down.len())
}

fn down(node: &v1::Down, now: Timestamp) -> String {
    let down = node.since.map(|then| format!(" for {}", since(then, now))).unwrap_or_default();
    let then = match node.expires {
        Some(_) if node.expired => ", given up by now".to_owned(),
        Some(expires) => format!(", given up in {}", since(now, expires)),
        None => String::new(),
    };
    format!("{} is down{down}{then}", node.node)
}

fn docker(engine: &v1::Engine, now: Timestamp) -> String {
    let (address, since) = (&engine.address, since(engine.since, now));
    match (&engine.version, &engine.error) {
        (Some(version), _) => format!("{version} at {address}, followed for {since}"),
        (None, Some(error)) => format!("not there for {since}: {error}"),
        (None, None) => format!("not there for {since}, at {address}"),
    }
}

/// Whether the kernel is as it should be, all in all.
fn kernel(agreement: Option<&v1::KernelDrift>, now: Timestamp) -> String {
    let Some(agreement) = agreement else { return "not looked at yet".to_owned() };
    let all = agreement.networks.iter().map(|network| &network.standing).chain([&agreement.host]);
    let looked = format!("looked at {}", ago(agreement.at, now));
    let differing = agreement.networks.iter().filter(|network| !network.standing.agrees).count();
    if all.clone().all(|drift| drift.agrees) {
        return format!("as it should be, {looked}");
    }
    let host = if agreement.host.agrees {
        String::new()
    } else {
        format!("; on the host itself: {}", drift(&agreement.host, now))
    };
    format!("{differing} of {} networks differ, {looked}{host}", agreement.networks.len())
}

fn row(network: &v1::NetworkDrift, now: Timestamp) -> Vec<String> {
    let mtu = or_dash(network.mtu);
    vec![network.name.to_string(), network.endpoints.to_string(), mtu, drift(&network.standing, now)]
}

fn drift(drift: &v1::Drift, now: Timestamp) -> String {
    if drift.agrees {
        return "as it should be".to_owned();
    }
    let counts = [("missing", drift.missing), ("too many", drift.extra), ("wrong", drift.wrong)];
    let mut parts: Vec<_> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .chain(drift.problems.iter().cloned())
        .collect();
    parts.extend(drift.differs_since.map(|then| format!("for {}", since(then, now))));
    parts.push(
        drift.agreed.map_or("never seen right".to_owned(), |then| format!("last right {}", ago(then, now))),
    );
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99";

    fn text(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut json = json!({
            "node": "host1", "id": ID, "version": "0.1.0", "started": "2026-11-22T10:00:00Z",
            "advertise": "192.0.2.1", "vtep": "192.0.2.1", "vxlan_port": 4789, "data_dir": "/var/lib/weft",
            "joined": true,
            "store": {
                "url": "consul://192.0.2.9:8500", "since": "2026-11-22T10:00:00Z",
                "prefix": "weft", "cluster": ID, "answered": "2026-11-22T12:00:00Z", "latency_us": 1900
            },
            "counts": {"networks": 1, "nodes": 2, "nodes up": 2, "endpoints": 3, "endpoints here": 1},
            "agreement": {
                "at": "2026-11-22T12:00:00Z",
                "networks": [{
                    "id": ID, "name": "overlay", "endpoints": 1, "mtu": 1450, "agrees": true, "missing": 0, "extra": 0, "wrong": 0,
                    "agreed": "2026-11-22T12:00:00Z"
                }],
                "host": {"agrees": true, "missing": 0, "extra": 0, "wrong": 0, "agreed": "2026-11-22T12:00:00Z"}
            },
            "problems": []
        });
        change(&mut json);
        let status = serde_json::from_value(json).unwrap();
        let now: Timestamp = "2026-11-22T12:00:01Z".parse().unwrap();
        anstream::adapter::strip_str(&of(&status, now, false)).to_string()
    }

    #[test]
    fn all_is_well() {
        insta::assert_snapshot!(text(|_| {}), @r"
        Node:      host1 (7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99)
        Agent:     version 0.1.0, started 2 hours ago
        Advertise: 192.0.2.1, VXLAN on 192.0.2.1 port 4789/udp
        Data:      /var/lib/weft
        Store:     consul://192.0.2.9:8500, in reach for 2 hours; last answer 1 second ago, in 1.9ms
        Cluster:   7d86d31b1478, prefix weft, trust: store
        Nodes:     2 up, 0 down
        Known:     networks 1, endpoints 3, endpoints here 1
        Kernel:    as it should be, looked at 1 second ago

        NETWORK   ENDPOINTS HERE   MTU    IN THE KERNEL
        overlay   1                1450   as it should be
        ");
    }

    #[test]
    fn everything_is_wrong() {
        insta::assert_snapshot!(text(|status| {
            status["joined"] = json!(false);
            status["store"]["error"] = json!("connection refused");
            status["store"]["remembered"] = json!(true);
            status["down"] = json!([
                {"node": "host2", "since": "2026-11-22T11:55:00Z", "expires": "2026-11-22T12:55:00Z", "expired": false},
                {"node": "host3", "since": "2026-11-22T10:55:00Z", "expires": "2026-11-22T11:55:00Z", "expired": true},
            ]);
            status["engine"] = json!({"address": "/run/docker.sock", "since": "2026-11-22T11:00:00Z", "error": "no such file"});
            status["agreement"]["networks"][0] = json!({
                "id": ID, "name": "overlay", "endpoints": 1, "agrees": false, "missing": 2, "extra": 0, "wrong": 1,
                "agreed": "2026-11-22T11:59:00Z", "differs_since": "2026-11-22T11:59:02Z"
            });
            status["agreement"]["host"] = json!({
                "agrees": false, "missing": 0, "extra": 4, "wrong": 0, "differs_since": "2026-11-22T11:59:59Z"
            });
            status["problems"] = json!(["web on network overlay is cut off: address 10.0.0.2 went to host2"]);
            status["errors"] = json!([{
                "level": "warn", "message": "store out of reach, retrying", "times": 3,
                "first": "2026-11-22T11:50:00Z", "last": "2026-11-22T11:59:00Z"
            }]);
        }), @r"
        Node:      host1 (7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99)
        Agent:     version 0.1.0, started 2 hours ago
        Advertise: 192.0.2.1, VXLAN on 192.0.2.1 port 4789/udp
        Data:      /var/lib/weft
        Store:     consul://192.0.2.9:8500, out of reach for 2 hours (last answer 1 second ago, in 1.9ms): connection refused; the cluster is known from this host's disk
        Cluster:   7d86d31b1478, prefix weft, trust: store
        Nodes:     2 up, 2 down; this one is not in the cluster
                   host2 is down for 5 minutes, given up in 54 minutes
                   host3 is down for 65 minutes, given up by now
        Docker:    not there for 60 minutes: no such file
        Known:     networks 1, endpoints 3, endpoints here 1
        Kernel:    1 of 1 networks differ, looked at 1 second ago; on the host itself: 4 too many, for 2 seconds, never seen right

        NETWORK   ENDPOINTS HERE   MTU   IN THE KERNEL
        overlay   1                -     2 missing, 1 wrong, for 59 seconds, last right 61 seconds ago

        To look at:
        ! web on network overlay is cut off: address 10.0.0.2 went to host2

        Last in the log:
        61 seconds ago  store out of reach, retrying (3 times)
        ");
    }
}
