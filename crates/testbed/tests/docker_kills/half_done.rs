//! What an engine was killed in the middle of, and does not finish when it is back.

use crate::{
    cluster::{Cluster, SOON, address, waiter},
    views::agree_soon,
};
use std::{thread, time::Duration};
use weft_testbed::{Agent, Engine, Release};

/// How long an engine may take until it has given up one call to a driver that is not there, after 15 s, and begins
/// with the next (moby, `pkg/plugins/client.go`).
const NEXT_CALL: Duration = Duration::from_secs(60);

/// An engine forgets an endpoint before it tells its driver to delete it, and that the container has it after that:
/// killed in between, and with live restore, it says so for as long as the container runs.
#[test]
fn a_container_that_was_half_disconnected_is_disconnected() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    thread::scope(|scope| {
        for (engine, agent) in cluster.engines.iter_mut().zip(&mut cluster.agents) {
            scope.spawn(|| half_disconnect(engine, agent));
        }
    });
    agree_soon(&cluster);
    cluster.remove_all(SOON);
    cluster.is_empty_soon();
}

#[track_caller]
fn half_disconnect(engine: &mut Engine, agent: &mut Agent) {
    const LIVE_RESTORE: &[&str] = &["--live-restore"];
    engine.restart(LIVE_RESTORE);
    waiter(engine, "overlay", "half", "");
    // Nobody answers, so that there is time.
    agent.kill9();
    let disconnecting = engine.host().spawn(&["docker", "network", "disconnect", "overlay", "half"]);
    engine.logs("NetworkDriver.DeleteEndpoint", NEXT_CALL);
    engine.kill9();
    drop(disconnecting);
    agent.restart();
    engine.restart(LIVE_RESTORE);
    assert_ne!(
        address(engine, "overlay", "half"),
        "",
        "{}: it was not killed in between",
        engine.host().name()
    );
}
