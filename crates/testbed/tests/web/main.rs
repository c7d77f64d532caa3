//! `weft web`: the page is served, to whom it is for, and shows what is there, in a real browser.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

mod asking;
mod browser;
#[path = "../weft/cluster.rs"]
#[allow(dead_code, reason = "what other tests share, too")]
mod cluster;

use asking::{Followed, Web};
use cluster::{Cluster, SOON, sh, sleeper};
use std::time::{Duration, Instant};
use weft_testbed::until;

/// How soon the page is told of something that happened here.
const TOLD: Duration = Duration::from_secs(1);

#[test]
fn the_page_is_served_to_browsers_of_this_host_and_changes_nothing() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    for elsewhere in ["0.0.0.0:4780", "192.168.77.11:4780", "[::]:4780"] {
        let refused = host.refused(&["weft", "web", "--listen", elsewhere]);
        assert!(refused.contains("ssh -L 4780:127.0.0.1:4780"), "{refused}");
    }
    let web = Web::start(host);
    let page = web.ask("GET", "/", "127.0.0.1:4780", "");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<!doctype html>"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self';"), "{page}");
    assert!(page.contains("referrer-policy: no-referrer"), "{page}");
    for (method, path, host, headers, status) in [
        ("GET", "/", "evil.example", "", 403),
        ("GET", "/api/state", "192.168.77.11:4780", "", 403),
        ("GET", "/api/state", "127.0.0.1:4780", "Origin: http://evil.example\r\n", 403),
        ("POST", "/api/state", "127.0.0.1:4780", "", 405),
        ("DELETE", "/", "localhost:4780", "", 405),
        ("GET", "/nothing", "localhost:4780", "", 404),
    ] {
        let answer = web.ask(method, path, host, headers);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path} as {host}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{answer}");
    }
    let taken = host.refused(&["weft", "web"]);
    assert!(taken.contains("--listen 127.0.0.1:4781"), "{taken}");
}

#[test]
fn what_happens_is_told_within_a_second_and_an_agent_that_is_away_is_too() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    let host = cluster.host(1).clone();
    let web = Web::start(&host);
    let mut followed = Followed::start(&host);
    followed.hears("event: state", SOON);
    sleeper(&host, "overlay", "web", &[]);
    let began = Instant::now();
    followed.hears("\"name\":\"web\"", SOON);
    assert!(began.elapsed() < TOLD, "told after {:?}", began.elapsed());
    let has = |what: &str| {
        let state = web.state();
        let endpoints = state["endpoints"].as_array().cloned().unwrap_or_default();
        endpoints.iter().any(|one| one["name"] == what && one["ipv4"].is_string())
    };
    assert!(has("web"));
    let state = web.state();
    assert_eq!(
        (&state["status"]["node"], state["nodes"].as_array().map(Vec::len)),
        (&"host1".into(), Some(2))
    );
    assert_eq!(state["room"][0]["subnet"], "10.0.0.0/24", "{state}");
    let events = web.json("/api/events");
    assert!(events.as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "web")), "{events}");

    cluster.agents[0].kill9();
    followed.hears("\"away\":{\"since\":", SOON);
    assert!(has("web"), "the last picture stays");
    cluster.agents[0].restart();
    followed.hears("\"away\":null", SOON);
    sleeper(&host, "overlay", "later", &[]);
    followed.hears("\"name\":\"later\"", SOON);
    until("it is in the state", SOON, || has("later"));
}

#[test]
fn a_browser_shows_it() {
    let Some(browser) = browser::Browser::found() else { return };
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    let host = cluster.host(1);
    sh(host, "ip link set lo up");
    let _web = Web::start(host);
    let seen = browser.drive(host, "http://127.0.0.1:4780/");
    eprintln!("{seen}");
    assert!(seen.contains("a container is seen"), "{seen}");
}
