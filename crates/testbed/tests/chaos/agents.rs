//! Faults of agents.

use crate::{scenario::Scenario, stage::Stage};
use rustix::process::Signal;
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "agent-killed",
        fault: "agents killed, each several times, while busy",
        play: killed,
        ..Scenario::USUAL
    },
    Scenario {
        name: "agent-stopped",
        fault: "an agent does nothing for 42 s (SIGSTOP)",
        says: &["node is down"],
        play: stopped,
        ..Scenario::USUAL
    },
    Scenario {
        name: "agent-upgraded",
        fault: "agents stopped, replaced by another binary, and started",
        play: upgraded,
        ..Scenario::USUAL
    },
    Scenario {
        name: "agent-alone",
        fault: "agents killed and started while the store is dead",
        says: &["store out of reach, retrying", "the store is out of reach since", "store reached"],
        play: alone,
        ..Scenario::USUAL
    },
];

fn killed(stage: &mut Stage<'_>) {
    for _ in 0..4 {
        for number in 1..=stage.agents.len() {
            stage.agent(number).kill9();
            stage.lasts(Duration::from_millis(300));
            stage.restart_agent(number);
        }
        stage.change();
        let all_are_back = Instant::now();
        stage.catches_up(all_are_back);
        stage.names_are_answered();
    }
}

fn stopped(stage: &mut Stage<'_>) {
    stage.agent(3).signal(Signal::STOP);
    let stopped = Instant::now();
    stage.change();
    stage.is_forgotten(3, stopped);
    stage.answers(&[1, 2], &[1, 2]);
    stage.lasts(Duration::from_secs(42).saturating_sub(stopped.elapsed()));
    stage.change();
    stage.agent(3).signal(Signal::CONT);
    let goes_on = Instant::now();
    stage.catches_up(goes_on);
    stage.names_are_answered();
}

fn upgraded(stage: &mut Stage<'_>) {
    const NEXT: &str = "/run/weft-of-tomorrow";
    for number in 1..=stage.agents.len() {
        // Another file, as a package brings it; like that of before, it is gone while it still runs.
        stage.host(number).run(&["sh", "-c", &format!("cp $(command -v weft) {NEXT}")]);
        stage.hear(number);
        stage.agent(number).upgrade(NEXT);
        let upgraded = Instant::now();
        stage.host(number).run(&["rm", NEXT]);
        stage.catches_up(upgraded);
        stage.names_are_answered();
        stage.change();
    }
}

fn alone(stage: &mut Stage<'_>) {
    stage.servers[0].kill9();
    for number in 1..=stage.agents.len() {
        stage.agent(number).kill9();
        stage.restart_agent(number);
    }
    // With its endpoints, and names, and peers as they were.
    stage.names_are_answered();
    (1..=stage.agents.len()).for_each(|number| stage.refuses(number));
    stage.lasts_with_cpu(Duration::from_secs(20));
    stage.names_are_answered();
    for (one, other) in [(1, 2), (2, 3), (3, 1)] {
        stage.reach_each_other(one, other);
    }
    stage.servers[0].restart();
    let back = Instant::now();
    stage.catches_up(back);
    stage.names_are_answered();
}
