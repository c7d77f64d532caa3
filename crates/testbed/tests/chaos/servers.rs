//! Faults of a store that is three servers: of the one that leads, of one that follows, of all of them.

use crate::{
    scenario::{Kept, Scenario},
    stage::{LOOK, SOON, Stage},
    stores::{OUT_OF_REACH, goes_on_without_store},
};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use weft_testbed::eventually_every;

/// How long a server is away: until the others have long gone on without it.
const AWAY: Duration = Duration::from_secs(30);

const THREE: Scenario = Scenario { store: Kept::Consuls, ..Scenario::USUAL };

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "leader-killed",
        fault: "the store's leader killed; back after 30 s",
        play: |stage| killed(stage, leader(stage)),
        ..THREE
    },
    Scenario {
        name: "leader-stopped",
        fault: "the store's leader answers nothing for 30 s",
        play: |stage| stopped(stage, leader(stage)),
        ..THREE
    },
    Scenario {
        name: "follower-killed",
        fault: "a server that follows killed; back after 30 s",
        always: false,
        play: |stage| killed(stage, follower(stage)),
        ..THREE
    },
    Scenario {
        name: "follower-stopped",
        fault: "a server that follows answers nothing for 30 s",
        always: false,
        play: |stage| stopped(stage, follower(stage)),
        ..THREE
    },
    Scenario {
        name: "servers-killed",
        fault: "all three servers killed; back after 30 s",
        always: false,
        says: OUT_OF_REACH,
        play: all_killed,
        ..THREE
    },
];

/// The server that leads: its index.
#[track_caller]
fn leader(stage: &Stage<'_>) -> usize {
    eventually_every(LOOK, SOON, || {
        let address = stage.servers[0].leader().ok_or("no server leads")?;
        let is_it = |address: &str, host: String| address.split(':').next() == Some(host.as_str());
        let found =
            stage.servers.iter().position(|server| is_it(&address, server.host().address().to_string()));
        found.ok_or("the leader is none of the servers")
    })
}

/// A server that is not the leader and that the agents use: they begin with the first, and stay with one that answers.
#[track_caller]
fn follower(stage: &Stage<'_>) -> usize {
    let leader = leader(stage);
    (0..stage.servers.len()).find(|index| *index != leader).expect("there are three")
}

fn killed(stage: &mut Stage<'_>, index: usize) {
    stage.servers[index].kill9();
    goes_on(stage);
    stage.servers[index].restart();
    let back = Instant::now();
    stage.catches_up(back);
}

fn stopped(stage: &mut Stage<'_>, index: usize) {
    stage.servers[index].signal(Signal::STOP);
    goes_on(stage);
    stage.servers[index].signal(Signal::CONT);
    let back = Instant::now();
    stage.catches_up(back);
}

/// The others elect a leader, and everything can be decided again.
#[track_caller]
fn goes_on(stage: &mut Stage<'_>) {
    let broken = Instant::now();
    stage.names_are_answered();
    stage.all_decide();
    stage.change();
    stage.lasts(AWAY.saturating_sub(broken.elapsed()));
    stage.names_are_answered();
}

fn all_killed(stage: &mut Stage<'_>) {
    stage.servers.iter_mut().for_each(|server| server.kill9());
    goes_on_without_store(stage);
    stage.servers.iter_mut().for_each(|server| server.rejoin());
    stage.servers.iter().for_each(|server| server.wait_until_ready());
    let back = Instant::now();
    stage.catches_up(back);
}
