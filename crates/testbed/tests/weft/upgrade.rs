//! Another version put in the place of the one that runs.

use crate::cluster::{SOON, exec, sleeper};
use weft_testbed::{World, until};

#[test]
fn an_agent_whose_binary_was_replaced_still_starts_processes() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    host.run(&["sh", "-c", "cp $(command -v weft) /run/weft-of-before"]);
    let _agent = host.spawn(&["/run/weft-of-before", "agent", "--cluster-advertise=eth0"]);
    until("the agent has joined", SOON, || host.output(&["weft", "status"]).status.success());
    host.run(&["rm", "/run/weft-of-before"]);

    host.run(&["weft", "network", "create", "overlay"]);
    sleeper(host, "overlay", "one", &[]);
    exec(host, "one", &["true"]);
}
