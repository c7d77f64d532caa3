//! Faults of agents.

use crate::{scenario::Scenario, stage::Stage};
use std::time::{Duration, Instant};

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "agent-killed",
    fault: "agents killed, each several times, while busy",
    play: killed,
    ..Scenario::USUAL
}];

fn killed(stage: &mut Stage<'_>) {
    for _ in 0..4 {
        for number in 1..=stage.agents.len() {
            stage.agent(number).kill9();
            stage.lasts(Duration::from_millis(300));
            stage.restart_agent(number);
        }
        let all_are_back = Instant::now();
        stage.change();
        stage.catches_up(all_are_back);
        stage.names_are_answered();
    }
}
