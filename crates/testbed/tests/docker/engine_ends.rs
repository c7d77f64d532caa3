//! The engine is stopped, killed and started again, with and without its containers.

use crate::cluster::{Cluster, SOON, address, ping, resolves, waiter};
use weft_testbed::{Engine, Release, until};

#[test]
fn the_newest_ends_and_comes_back() {
    ends_and_comes_back(Release::Newest);
}

#[test]
fn the_oldest_ends_and_comes_back() {
    ends_and_comes_back(Release::Oldest);
}

#[track_caller]
fn ends_and_comes_back(release: Release) {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, release]) else { return };
    cluster.create_network("overlay");
    let mut engine = cluster.engines.pop().expect("there are two");
    waiter(&cluster.engines[0], "overlay", "observer", "");
    waiter(&engine, "overlay", "always", "--restart always --network-alias service");
    waiter(&engine, "overlay", "once", "");
    let process = |engine: &Engine| engine.docker("inspect -f {{.State.Pid}} always");

    // Live restore: containers run on without their engine, and are reached.
    engine.restart(&["--live-restore"]);
    let observer = &cluster.engines[0];
    comes_back(observer, &engine, "stopped before live restore");
    let first = process(&engine);
    for how in ["kill", "stop"] {
        if how == "kill" {
            engine.kill9();
        } else {
            engine.stop();
        }
        ping(observer, "observer", "always");
        engine.restart(&["--live-restore"]);
        assert_eq!(process(&engine), first, "{how}: it is the same container");
        ping(observer, "observer", "service");
        ping(&engine, "always", "observer");
    }

    // Without it they end with the engine, or at its next start if it was killed.
    for how in ["kill", "stop", "kill"] {
        if how == "kill" {
            engine.kill9();
        } else {
            engine.stop();
        }
        engine.restart(&[]);
        comes_back(observer, &engine, how);
        until("the other does not", SOON, || resolves(observer, "observer", "once").is_empty());
        engine.docker("start once");
        ping(observer, "observer", "once");
    }

    engine.docker("rm -f always once");
    observer.docker("rm -f observer");
    engine.docker("network rm overlay");
    cluster.engines.push(engine);
    cluster.is_empty_soon();
}

/// The container with a restart policy is there again, under its names, and nobody else.
#[track_caller]
fn comes_back(observer: &Engine, engine: &Engine, how: &str) {
    until(&format!("{how}: it runs again"), SOON, || {
        engine.docker("inspect -f {{.State.Running}} always") == "true"
    });
    let now = [address(engine, "overlay", "always")];
    for name in ["always", "service"] {
        until(&format!("{how}: it is known as {name}, at {now:?}"), SOON, || {
            resolves(observer, "observer", name) == now
        });
    }
    ping(observer, "observer", "always");
    ping(engine, "always", "observer");
}

/// Agent and engine start in any order, and the engine may be alone for a while.
#[test]
fn the_agent_ends_and_comes_back() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    for index in [0, 1] {
        let other = 1 - index;
        waiter(&cluster.engines[index], "overlay", "held", "");
        waiter(&cluster.engines[other], "overlay", "observer", "");
        cluster.agents[index].kill9();
        let [engine, observer] = [index, other].map(|index| &cluster.engines[index]);
        ping(observer, "observer", "held");
        // The engine removes it without us; the agent finds out when it is back.
        engine.docker("kill held");
        cluster.agents[index].restart();
        until("the dead have no name", SOON, || resolves(observer, "observer", "held").is_empty());
        engine.docker("start held");
        ping(observer, "observer", "held");
        engine.docker("rm -f held");
        observer.docker("rm -f observer");
    }
    cluster.engines[0].docker("network rm overlay");
    cluster.is_empty_soon();
}
