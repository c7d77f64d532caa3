//! Hosts whose addresses change.

use crate::{
    scenario::Scenario,
    stage::{SOON, Stage},
};
use std::time::{Duration, Instant};
use weft_testbed::{Pings, until};

/// Within this, what was cut off by a move is reached again.
const FOLLOWED: Duration = Duration::from_secs(5);

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "address-moved",
    fault: "a host gets another address, and the old one back while its agent is dead",
    spared: &[(1, 3)],
    says: &["the advertised address has changed"],
    play: moved,
    ..Scenario::USUAL
}];

fn moved(stage: &mut Stage<'_>) {
    let pings = Pings::start(&stage.web[0], &stage.web[1]);
    let began = Instant::now();
    replace(stage, "192.168.77.12/24", "192.168.77.112/24");
    let moved = Instant::now();
    until("its containers are reached there", SOON, || reaches(stage));
    stage.change();
    stage.catches_up(moved);
    let counted = pings.count();
    let last = counted.lost.iter().max().copied().unwrap_or_default();
    if last > moved.duration_since(began) + FOLLOWED {
        stage.figures.wrong(format!("packets were still lost {last:?} after the start"));
    }
    stage.hear(2);
    stage.agent(2).kill9();
    replace(stage, "192.168.77.112/24", "192.168.77.12/24");
    stage.agent(2).restart();
    let back = Instant::now();
    until("its containers are reached again", SOON, || reaches(stage));
    stage.catches_up(back);
}

/// As DHCP does it: the kernel forgets what depended on the old address.
#[track_caller]
fn replace(stage: &Stage<'_>, old: &str, new: &str) {
    let host = stage.host(2);
    host.run(&["sh", "-c", &format!("ip address del {old} dev eth0; ip address add {new} dev eth0")]);
}

fn reaches(stage: &Stage<'_>) -> bool {
    let to = stage.web[1].address().to_string();
    stage.host(1).output(&["ip", "netns", "exec", "web-1", "ping", "-c1", "-W1", &to]).status.success()
}
