//! Faults of a store that is one server.

use crate::{
    scenario::{Kept, Scenario},
    stage::Stage,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How long a store is away: longer than a session lasts, and than anybody's patience.
const AWAY: Duration = Duration::from_secs(30);

/// What is to be read where a store is out of reach.
pub(crate) const OUT_OF_REACH: &[&str] =
    &["store out of reach, retrying", "store reached", "the store is out of reach since", "out of reach for"];

/// The same, where it does not even say that it is.
const SILENT: &[&str] = &[
    "did not say within",
    "store out of reach, retrying",
    "store reached",
    "the store is out of reach since",
    "out of reach for",
];

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "store-killed",
        fault: "the store killed, and started again after 30 s",
        says: OUT_OF_REACH,
        play: killed,
        ..Scenario::USUAL
    },
    Scenario {
        name: "store-stopped",
        fault: "the store takes connections and answers nothing for 30 s",
        says: SILENT,
        play: stopped,
        ..Scenario::USUAL
    },
    Scenario {
        name: "etcd-killed",
        fault: "etcd killed, and started again after 30 s",
        store: Kept::Etcd,
        says: OUT_OF_REACH,
        play: killed,
        ..Scenario::USUAL
    },
    Scenario {
        name: "etcd-stopped",
        fault: "etcd takes connections and answers nothing for 30 s",
        always: false,
        store: Kept::Etcd,
        says: SILENT,
        play: stopped,
        ..Scenario::USUAL
    },
];

fn killed(stage: &mut Stage<'_>) {
    stage.servers[0].kill9();
    (1..=stage.agents.len()).for_each(|number| stage.refuses(number));
    goes_on_without_store(stage);
    stage.servers[0].restart();
    let back = Instant::now();
    stage.catches_up(back);
}

fn stopped(stage: &mut Stage<'_>) {
    stage.servers[0].signal(Signal::STOP);
    (1..=stage.agents.len()).for_each(|number| stage.refuses_after_silence(number));
    goes_on_without_store(stage);
    stage.servers[0].signal(Signal::CONT);
    let back = Instant::now();
    stage.catches_up(back);
}

/// What runs goes on, what is new is refused, and it costs little.
#[track_caller]
pub(crate) fn goes_on_without_store(stage: &mut Stage<'_>) {
    stage.names_are_answered();
    stage.lasts_with_cpu(AWAY);
    stage.names_are_answered();
    (1..=stage.agents.len()).for_each(|number| stage.refuses(number));
    stage.look_at_status(1);
}
