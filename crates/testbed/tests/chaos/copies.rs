//! Hosts that are copied: one of the two goes on as it was, and does not notice.

use crate::{
    scenario::Scenario,
    stage::{SOON, Stage},
};
use std::time::Instant;
use weft_testbed::{Host, until};

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "host-copied",
    fault: "a copy of a host is started, while it is up and while it is down",
    says: &[
        "is up as this node, host2, and this host has a copy of its data directory",
        "another host asks whether this node is up",
        "was copied or moved here",
    ],
    play: copied,
    ..Scenario::USUAL
}];

/// The machine that the copy is on; it has the store, and no agent otherwise.
const COPY: usize = 4;

fn copied(stage: &mut Stage<'_>) {
    let (original, copy) = (stage.host(2).clone(), stage.host(COPY).clone());
    // Under its name, and under another: as the clone of a virtual machine, and as files that were copied.
    original.clone_to(&copy);
    for (name, boot_too) in [("host2", true), ("host9", false)] {
        if boot_too {
            copy.run(&["sh", "-c", "cat /proc/sys/kernel/random/uuid >/run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id"]);
        }
        is_refused(stage, &copy, name);
        stage.change();
    }
    // While nobody is up as the node, it takes a person to say which of the two it is.
    stage.hear(2);
    stage.agent(2).kill9();
    stage.away.insert(2);
    stage.is_forgotten(2, Instant::now());
    is_refused(stage, &copy, "host2");
    stage.agent(2).restart();
    stage.away.remove(&2);
    let back = Instant::now();
    stage.catches_up(back);
    until("all is as it was", SOON, || stage.web[0].resolve("web-2") == [stage.web[1].address()]);
}

/// An agent on the copy ends, and says why.
#[track_caller]
fn is_refused(stage: &mut Stage<'_>, copy: &Host, name: &str) {
    let store = format!("--cluster-store={}", stage.servers[0].url());
    let mut agent = copy.spawn(&["weft", "agent", &store, "--cluster-advertise=eth0", "--node-name", name]);
    let ended = agent.wait(SOON);
    if ended.success() {
        stage.figures.wrong(format!("a copy of host2 started as {name}:\n{}", agent.log()));
    }
    stage.heard.push_str(&agent.log());
}
