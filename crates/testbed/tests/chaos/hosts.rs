//! Hosts that lose their power, or seem to be lost.

use crate::{
    load,
    scenario::Scenario,
    stage::{LOOK, NETWORK, SOON, Stage},
    views::{self, text},
};
use serde_json::json;
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use weft_testbed::{Way, eventually_every, until};

/// The third host is the one that is lost.
const LOST: Scenario = Scenario { spared: &[(1, 2)], busy: &[1, 2], ..Scenario::USUAL };

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "host-lost",
        fault: "a host loses its power, is given up, and returns",
        says: &[
            "node is down",
            "host3 is down for",
            "node given up",
            "its network namespace is gone, and so is the endpoint",
        ],
        play: lost,
        ..LOST
    },
    Scenario {
        name: "host-rebooted",
        fault: "a host loses its power and is back at once",
        always: false,
        says: &["its network namespace is gone, and so is the endpoint"],
        play: rebooted,
        ..LOST
    },
    Scenario {
        name: "host-expired",
        fault: "a host loses its power and is given up after --node-expiry",
        always: false,
        arguments: &["--node-expiry=20s"],
        says: &["node is down", "node given up"],
        play: expired,
        ..LOST
    },
    Scenario {
        name: "host-given-up",
        fault: "a host that nobody reaches is given up, and returns with its containers",
        says: &["node is down", "node given up", "is cut off: address", "put back into the store"],
        play: given_up,
        ..LOST
    },
];

fn lost(stage: &mut Stage<'_>) {
    power_off(stage);
    let dead = Instant::now();
    stage.explains(1, ("web-1", "web-3"), "web-3 (", dead);
    stage.change();
    stage.is_forgotten(3, dead);
    let forgotten = Instant::now();
    stage.explains(1, ("web-1", "web-3"), "its host host3 is down", forgotten);
    stage.look_at_status(1);
    let address = stage.web[2].address();
    its_name_is_free(stage);
    give_up(stage);
    takes(stage, address);
    power_on(stage);
    let back = Instant::now();
    stage.catches_up(back);
    // Anything can be attached there again.
    stage.container(3, "web-4");
    stage.agree();
}

fn rebooted(stage: &mut Stage<'_>) {
    power_off(stage);
    stage.change();
    power_on(stage);
    // Until its last run would have ended its session, it may be a copy of itself.
    until("it is in the cluster", SOON, || {
        views::get(stage.host(3), "/weft/v1/status").is_ok_and(|status| status["joined"] == true)
    });
    let back = Instant::now();
    // Nothing that was attached there is there any more.
    stage.history.gone_with("host3");
    until("what was there is gone", SOON, || stage.web[0].resolve("web-3").is_empty());
    stage.catches_up(back);
}

fn expired(stage: &mut Stage<'_>) {
    power_off(stage);
    let dead = Instant::now();
    stage.is_forgotten(3, dead);
    let address = stage.web[2].address();
    eventually_every(LOOK, 3 * SOON, || {
        let nodes = views::get(stage.host(1), "/weft/v1/nodes")?;
        let there = views::list(&nodes).iter().any(|node| text(&node["name"]) == "host3");
        if there { Err("host3 is not given up".to_owned()) } else { Ok(()) }
    });
    stage.history.given_up("host3");
    takes(stage, address);
    power_on(stage);
    let back = Instant::now();
    stage.catches_up(back);
}

fn given_up(stage: &mut Stage<'_>) {
    let kept = stage.container(3, "kept").0;
    let all: Vec<_> = [1, 2, 4].map(|number| stage.host(number).clone()).into();
    let all: Vec<_> = all.iter().collect();
    let host = stage.host(3).clone();
    [Way::In, Way::Out].into_iter().for_each(|way| host.cut(way, &all));
    let cut = Instant::now();
    stage.is_forgotten(3, cut);
    let address = stage.web[2].address();
    give_up(stage);
    takes(stage, address);
    host.mend();
    let healed = Instant::now();
    until("what lost its address is cut off", SOON, || {
        host.run(&["sh", "-c", "weft status || true"]).contains(&format!("is cut off: address {address}"))
    });
    stage.look_at_status(3);
    let fenced = Instant::now();
    stage.explains(3, ("web-3", "web-1"), "web-3 is cut off from overlay: address", fenced);
    stage.explains(1, ("web-1", "web-3"), "endpoint web-3 not found", fenced);
    // The rest is as it was.
    until("what lost nothing is back", SOON, || stage.web[0].resolve("kept") == [kept.address()]);
    host.run(&["weft", "detach", "--net", NETWORK, "--name", "web-3"]);
    stage.catches_up(healed);
}

fn power_off(stage: &mut Stage<'_>) {
    stage.hear(3);
    stage.host(3).power_off();
    stage.away.insert(3);
}

#[track_caller]
fn power_on(stage: &mut Stage<'_>) {
    stage.host(3).power_on();
    stage.agent(3).restart();
    stage.away.remove(&3);
}

/// An endpoint on the second host gets the name of what is lost, and has it alone.
#[track_caller]
fn its_name_is_free(stage: &mut Stage<'_>) {
    let (namesake, _) = stage.container(2, "web-3");
    let asked = Instant::now();
    until("the name is that of the new one", SOON, || stage.web[0].resolve("web-3") == [namesake.address()]);
    if asked.elapsed() > Duration::from_secs(1) {
        stage.figures.wrong(format!("the name of what is lost was free only after {:?}", asked.elapsed()));
    }
}

/// `weft node rm`.
#[track_caller]
fn give_up(stage: &mut Stage<'_>) {
    stage.history.given_up("host3");
    stage.host(1).run(&["weft", "node", "rm", "host3"]);
}

/// Somebody else gets a certain address, which is free at once: unless what comes and goes was faster, and has it for a
/// moment.
#[track_caller]
fn takes(stage: &mut Stage<'_>, address: Ipv4Addr) {
    let host = stage.host(1);
    host.run(&["ip", "netns", "add", "heir"]);
    let ticket = stage.history.ask(host.name(), "heir");
    let body = json!({"network": NETWORK, "name": "heir", "netns": "/run/netns/heir", "ipv4": address});
    let answer = eventually_every(LOOK, SOON, || {
        match host.ask("POST", "/weft/v1/endpoints", Some(&body), SOON).expect("the agent answers") {
            answer if answer.body.contains(&format!("in use by {}", load::PREFIX)) => Err(answer.body),
            answer => Ok(answer),
        }
    });
    if answer.status == 201 {
        stage.history.granted(ticket, address);
    } else {
        stage.history.refused(ticket);
        stage.figures.wrong(format!("{address} is not free: {answer:?}"));
    }
}
