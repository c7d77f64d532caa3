//! Cables that are cut: between hosts, and between hosts and the store; both ways, and one way only.

use crate::{
    scenario::{Kept, Scenario},
    stage::Stage,
};
use std::time::{Duration, Instant};
use weft_testbed::{Host, Way};

/// How long a cut lasts: longer than a session takes to end, in any store.
const CUT: Duration = Duration::from_secs(42);
/// How long a cut between hosts lasts: no session has to end.
const BRIEF: Duration = Duration::from_secs(20);

/// What is to be read about a host that cannot reach the store.
const CUT_OFF: &[&str] = &[
    "store out of reach, retrying",
    "store reached",
    "the store is out of reach since",
    "out of reach for",
    "node is down",
];

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "store-cut-off",
        fault: "a host cannot reach the store for 42 s",
        says: CUT_OFF,
        play: |stage| from_store(stage, &[Way::In, Way::Out]),
        ..Scenario::USUAL
    },
    Scenario {
        name: "store-deaf",
        fault: "what a host says does not reach the store for 42 s",
        always: false,
        says: CUT_OFF,
        play: |stage| from_store(stage, &[Way::Out]),
        ..Scenario::USUAL
    },
    Scenario {
        name: "store-mute",
        fault: "what the store says does not reach a host for 42 s",
        always: false,
        says: CUT_OFF,
        play: |stage| from_store(stage, &[Way::In]),
        ..Scenario::USUAL
    },
    Scenario {
        name: "hosts-cut-off",
        fault: "two hosts cannot reach each other for 20 s",
        spared: &[(1, 2), (1, 3)],
        play: |stage| between_hosts(stage, &[Way::In, Way::Out], "by VXLAN"),
        ..Scenario::USUAL
    },
    Scenario {
        name: "hosts-cut-one-way",
        fault: "a host does not reach another for 20 s",
        always: false,
        spared: &[(1, 2), (1, 3)],
        play: |stage| between_hosts(stage, &[Way::Out], "by VXLAN"),
        ..Scenario::USUAL
    },
    Scenario {
        name: "partition",
        fault: "two of five hosts without the others and the store for 42 s",
        hosts: 5,
        store: Kept::Consuls,
        spared: &[(1, 2), (1, 3), (4, 5)],
        busy: &[1, 3, 4, 5],
        says: CUT_OFF,
        play: partition,
        ..Scenario::USUAL
    },
    Scenario {
        name: "server-cut-off",
        fault: "a server of the store cannot reach the others for 30 s",
        always: false,
        store: Kept::Consuls,
        play: server_cut_off,
        ..Scenario::USUAL
    },
];

fn from_store(stage: &mut Stage<'_>, ways: &[Way]) {
    let (host, store) = (stage.host(3).clone(), stage.servers[0].host().clone());
    ways.iter().for_each(|way| host.cut(*way, &[&store]));
    let cut = Instant::now();
    stage.refuses_after_silence(3);
    stage.change();
    stage.answers(&[3], &[1, 2, 3]);
    stage.is_forgotten(3, cut);
    stage.lasts(CUT.saturating_sub(cut.elapsed()));
    stage.answers(&[3], &[1, 2, 3]);
    stage.refuses(3);
    stage.change();
    stage.look_at_status(3);
    host.mend();
    let healed = Instant::now();
    stage.catches_up(healed);
    stage.names_are_answered();
}

fn between_hosts(stage: &mut Stage<'_>, ways: &[Way], why: &str) {
    let (host, other) = (stage.host(3).clone(), stage.host(2).clone());
    ways.iter().for_each(|way| host.cut(*way, &[&other]));
    // Both ends say it, and a third host does.
    let mut since = Instant::now();
    for asked in [2, 3, 1] {
        stage.explains(asked, ("web-3", "web-2"), why, since);
        since = Instant::now();
    }
    stage.change();
    stage.names_are_answered();
    stage.lasts(BRIEF);
    stage.change();
    host.mend();
    let healed = Instant::now();
    stage.catches_up(healed);
    stage.reach_each_other(3, 2);
}

fn partition(stage: &mut Stage<'_>) {
    let hosts = stage.world.hosts().to_vec();
    let (larger, smaller): (Vec<&Host>, Vec<&Host>) =
        hosts.iter().partition(|host| !["host4", "host5"].contains(&host.name()));
    stage.world.partition(&larger, &smaller);
    let cut = Instant::now();
    [4, 5].into_iter().for_each(|number| stage.refuses_after_silence(number));
    stage.change();
    stage.answers(&[4, 5], &[1, 2, 3, 4, 5]);
    stage.is_forgotten(4, cut);
    stage.is_forgotten(5, cut);
    let forgotten = Instant::now();
    stage.explains(1, ("web-1", "web-4"), "told no address for web-4: its host host4 is down", forgotten);
    stage.explains(4, ("web-4", "web-1"), "by VXLAN", forgotten);
    stage.lasts(CUT.saturating_sub(cut.elapsed()));
    stage.answers(&[4, 5], &[1, 2, 3, 4, 5]);
    stage.answers(&[1, 2, 3], &[1, 2, 3]);
    [4, 5].into_iter().for_each(|number| stage.refuses(number));
    stage.change();
    stage.look_at_status(4);
    stage.world.heal();
    let healed = Instant::now();
    stage.catches_up(healed);
    stage.names_are_answered();
    stage.reach_each_other(4, 1);
}

fn server_cut_off(stage: &mut Stage<'_>) {
    let servers: Vec<_> = stage.servers.iter().map(|server| server.host().clone()).collect();
    // The agents still reach it, and it knows less than the others.
    stage.world.partition(&[&servers[0]], &[&servers[1], &servers[2]]);
    let cut = Instant::now();
    stage.all_decide();
    stage.change();
    stage.lasts(Duration::from_secs(30).saturating_sub(cut.elapsed()));
    stage.names_are_answered();
    stage.world.heal();
    let healed = Instant::now();
    stage.catches_up(healed);
}
