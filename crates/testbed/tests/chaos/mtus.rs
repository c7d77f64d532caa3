//! Hosts through whose networks packets of different sizes fit.

use crate::{
    scenario::Scenario,
    stage::{SOON, Stage},
};
use std::time::{Duration, Instant};
use weft_testbed::{Container, until};

/// Within this, running containers have what fits through all hosts.
const FOLLOWED: Duration = Duration::from_secs(5);

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "mtu-differs",
    fault: "less fits through one host's network than through the others', then more while its agent is dead",
    says: &["the MTU of a network has changed", "what the hosts' network carries from here has changed"],
    play: differs,
    ..Scenario::USUAL
}];

fn differs(stage: &mut Stage<'_>) {
    stage.host(2).run(&["ip", "link", "set", "eth0", "mtu", "1400"]);
    let began = Instant::now();
    until("all have what fits", SOON, || stage.web.iter().all(|web| mtu(web) == "1350"));
    if began.elapsed() > FOLLOWED {
        stage.figures.wrong(format!("containers had what fits only after {:?}", began.elapsed()));
    }
    stage.change();
    stage.catches_up(began);
    large_ones_pass(stage);

    stage.hear(2);
    stage.agent(2).kill9();
    stage.host(2).run(&["ip", "link", "set", "eth0", "mtu", "9000"]);
    stage.agent(2).restart();
    let back = Instant::now();
    stage.change();
    stage.catches_up(back);
    if stage.web.iter().any(|web| mtu(web) != "1350") {
        stage.figures.wrong("what may fit for a moment only is made use of");
    }
    large_ones_pass(stage);
}

fn mtu(web: &Container) -> String {
    let read = ["ip", "netns", "exec", web.name(), "cat", "/sys/class/net/eth0/mtu"];
    String::from_utf8_lossy(&web.host().output(&read).stdout).trim().to_owned()
}

/// Datagrams that fill a packet, and larger ones, from everybody to everybody.
fn large_ones_pass(stage: &mut Stage<'_>) {
    let (froms, tos) = (stage.web.iter(), &stage.web);
    let pairs =
        froms.flat_map(|from| tos.iter().filter(|to| to.name() != from.name()).map(move |to| (from, to)));
    let lost: Vec<_> = pairs
        .flat_map(|(from, to)| ["1322", "4000"].map(|size| (from, to, size)))
        .filter(|(from, to, size)| {
            let to = to.address().to_string();
            let ping = ["ip", "netns", "exec", from.name(), "ping", "-c2", "-i0.2", "-W1", "-s", size, &to];
            !from.host().output(&ping).status.success()
        })
        .map(|(from, to, size)| format!("{size} bytes from {} to {}", from.name(), to.name()))
        .collect();
    if !lost.is_empty() {
        stage.figures.wrong(format!("lost: {}", lost.join(", ")));
    }
}
