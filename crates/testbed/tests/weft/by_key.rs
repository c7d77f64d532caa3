//! Agents of a cluster that was set up by flags ask each other on TCP port 7946: each is known by the key that its record in the
//! store says it has.

use crate::{
    cluster::SOON,
    remote::readable,
    tokens::{init, let_in},
};
use serde_json::Value;
use weft_testbed::{Agent, Host, StoreServer, World, until};

const CREDENTIALS: &str = "/var/lib/weft/credentials";
const KEY: &str = "weft/v1/nodes/host2";

/// What the agent of `of` answers when the agent of `host` asks it.
fn peer(host: &Host, of: &str) -> Result<Value, String> {
    let output = host.output(&["weft", "debug", "peer", of]);
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("an answer")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[track_caller]
pub(crate) fn ask_each_other(hosts: [&Host; 2]) {
    for (host, other) in [(hosts[0], hosts[1]), (hosts[1], hosts[0])] {
        until("it is answered", SOON, || peer(host, other.name()).is_ok());
        let answer = peer(host, other.name()).expect("an answer");
        let id = &host.json(&["weft", "node", "inspect", other.name()])[0]["id"];
        assert!(answer["name"] == other.name() && answer["id"] == *id, "{answer}");
        assert!(answer["version"].is_string() && answer["since"].is_string(), "{answer}");
    }
}

/// What the node's record says, and what the file of its certificate says to another program.
fn fingerprints(host: &Host) -> [String; 2] {
    let node = host.json(&["weft", "node", "inspect", host.name()]);
    let of_file = "openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64";
    let of_file = host.run(&["sh", "-c", &format!("<{CREDENTIALS}/node.pem {of_file}")]);
    [node[0]["fingerprint"].as_str().unwrap_or_default().to_owned(), of_file.trim().to_owned()]
}

fn two_on_consul(world: &World) -> (StoreServer, [Agent; 2]) {
    let consul = world.host(1).consul();
    let store = format!("--cluster-store={}", consul.url());
    let agents = [1, 2].map(|number| world.host(number).agent(&[&store, "--cluster-advertise=eth0"]));
    (consul, agents)
}

/// Says a line to the first host's agent, with those files, and returns what is answered.
fn says(host: &Host, protocol: &str, [certificate, key]: [&str; 2], line: &str) -> String {
    let command = format!(
        "printf '{line}\\n' | timeout 10 openssl s_client -quiet -connect 192.168.77.11:7946 -alpn {protocol} -cert \
         {certificate} -key {key} 2>&1"
    );
    String::from_utf8_lossy(&host.output(&["sh", "-c", &command]).stdout).into_owned()
}

#[test]
fn who_has_the_key_that_the_store_says_is_answered_and_nobody_else() {
    let Some(world) = World::up(3) else { return };
    let [one, two, stranger] = [1, 2, 3].map(|number| world.host(number));
    let (consul, agents) = two_on_consul(&world);
    until("they know each other", SOON, || peer(one, "host2").is_ok());
    ask_each_other([one, two]);
    agents[1].logs("did what a member asked", SOON);
    assert!(agents[1].log().lines().any(|line| line.contains("About") && line.contains("host1")));
    let status = String::from_utf8_lossy(&one.output(&["weft", "status"]).stdout).into_owned();
    assert!(status.contains("trust: store"), "{status}");
    let [said, of_file] = fingerprints(two);
    assert_eq!(said, of_file);

    // Another program with the second host's key is answered as well: what follows is not for want of speaking TLS.
    let key = readable(two, "node.key", two);
    let certificate = format!("{CREDENTIALS}/node.pem");
    let as_two = |protocol: &str, line: &str| says(two, protocol, [&certificate, &key], line);
    let answer = as_two("weft-pinned/1", "\"about\"");
    assert!(answer.contains("\"host1\"") && answer.contains("version"), "{answer}");
    let promote = "{\"promote\":{\"authority_key\":\"mine\"}}";
    let refused = as_two("weft-pinned/1", promote);
    assert!(refused.contains("refused") && refused.contains("weft join"), "{refused}");
    assert!(!as_two("weft-members/1", "\"about\"").contains("version"));
    let make = "openssl req -x509 -newkey ed25519 -nodes -days 9 -subj /CN=host2 -addext \
                subjectAltName=DNS:node.weft.internal -keyout /run/own.key -out /run/own.pem";
    stranger.run(&["sh", "-ec", make]);
    for protocol in ["weft-pinned/1", "weft-members/1"] {
        let answer = says(stranger, protocol, ["/run/own.pem", "/run/own.key"], "\"about\"");
        assert!(!answer.contains("\"host1\""), "{answer}");
    }

    // Somebody gives the second host another key, in the store: it puts that right.
    let consul = format!("--http-addr={}", consul.url().replace("consul://", "http://"));
    let record = || -> Value {
        let record = stranger.run(&["consul", "kv", "get", &consul, KEY]);
        serde_json::from_str(&record).expect("a record")
    };
    let mut lie = record();
    assert_eq!(lie["fingerprint"], *of_file);
    lie["fingerprint"] = "7".repeat(64).into();
    stranger.run(&["consul", "kv", "put", &consul, KEY, &lie.to_string()]);
    until("it is put right", SOON, || record()["fingerprint"] == *of_file);
    ask_each_other([one, two]);
    stranger.run(&["consul", "kv", "delete", &consul, KEY]);
    agents[1].logs("somebody took this node out of the store", SOON);
    until("it is written again", SOON, || {
        stranger.output(&["consul", "kv", "get", &consul, KEY]).status.success()
    });
}

#[test]
fn a_host_that_leaves_and_comes_again_has_another_key() {
    let Some(world) = World::up(2) else { return };
    let (consul, [_first, mut second]) = two_on_consul(&world);
    let [one, two] = [world.host(1), world.host(2)];
    until("they know each other", SOON, || peer(one, "host2").is_ok());
    let [before, _] = fingerprints(two);
    second.stop();
    let _same = two.agent(&[&format!("--cluster-store={}", consul.url()), "--cluster-advertise=eth0"]);
    until("it is back", SOON, || peer(one, "host2").is_ok());
    assert_eq!(fingerprints(two)[0], before);
    two.run(&["weft", "leave"]);
    assert!(!two.output(&["test", "-e", CREDENTIALS]).status.success(), "its keys are gone");
    let _again = two.agent(&[&format!("--cluster-store={}", consul.url()), "--cluster-advertise=eth0"]);
    let is_in = || two.output(&["weft", "node", "inspect", "host2"]).status.success();
    until("it is in again", SOON, is_in);
    until("it has another key", SOON, || {
        let [said, of_file] = fingerprints(two);
        said == of_file && said != before
    });
    ask_each_other([one, two]);
}

#[test]
fn agents_on_a_store_that_one_serves_and_those_of_a_signed_cluster_ask_each_other() {
    let Some(world) = World::up(4) else { return };
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| world.host(number));
    for host in [one, two] {
        host.write("/etc/weft/token", "a secret of some length\n");
    }
    let token = "--cluster-store-opt=token-file=/etc/weft/token";
    let at = "192.168.77.11:8500";
    let _first = one.agent(&["--cluster-advertise=eth0", &format!("--store-serve={at}"), token]);
    let _second = two.agent(&["--cluster-advertise=eth0", &format!("--cluster-store=consul://{at}"), token]);
    until("they know each other", SOON, || peer(one, "host2").is_ok());
    ask_each_other([one, two]);
    let _third = init(three, &[]);
    let _fourth = let_in(three, four);
    ask_each_other([three, four]);
    let node = three.json(&["weft", "node", "inspect", "host4"]);
    assert!(node[0]["fingerprint"].is_null(), "its signature says it: {node}");
}
