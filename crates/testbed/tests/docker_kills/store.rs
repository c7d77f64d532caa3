//! Containers while the store is dead.

use crate::{
    cluster::{Cluster, SOON, ping, resolves, waiter},
    views::agree_soon,
};
use std::{
    thread,
    time::{Duration, Instant},
};
use weft_testbed::{Engine, Release, until};

/// How long what needs the store may wait for it, and then says so.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn without_its_store_nothing_new_begins_and_everything_else_goes_on() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    thread::scope(|scope| {
        for engine in &cluster.engines {
            scope.spawn(|| {
                for name in ["runs", "stopped", "removed", "stays", "new"] {
                    let name = format!("{name}-{}", engine.host().name());
                    let network = if name.starts_with("new") { "bridge" } else { "overlay" };
                    waiter(engine, network, &name, "");
                }
            });
        }
    });
    let usual = cluster.engines.iter().map(restart).max().unwrap_or_default();
    cluster.store.kill9();

    for engine in &cluster.engines {
        let host = engine.host().name();
        // What ends, ends at once.
        let took = timed(|| drop(engine.docker(&format!("stop stopped-{host}"))));
        let removed = timed(|| drop(engine.docker(&format!("rm -f removed-{host}"))));
        assert!(took.max(removed) < PATIENCE, "{host}: stop took {took:?}, rm {removed:?}");
        // What begins is refused, and says why.
        for (line, may) in [
            (format!("start stopped-{host}"), usual + PATIENCE),
            (format!("network connect overlay new-{host}"), usual + PATIENCE),
            (format!("network create -d weft --ipam-driver weft other-{host}"), usual + PATIENCE),
        ] {
            let began = Instant::now();
            let why = engine.refused(&line);
            let took = began.elapsed();
            assert!(took < may, "{host}: `docker {line}` took {took:?}, and usually {usual:?}");
            assert!(why.contains("192.168.77.11:8500"), "{host}: it should say what it waited for: {why}");
        }
    }
    // What runs, runs on: names too.
    let [one, two] = [&cluster.engines[0], &cluster.engines[1]];
    ping(one, "runs-host1", "runs-host2");
    ping(two, "runs-host2", "runs-host1");
    // The engine may come back without it, and goes on without those that it cannot start.
    cluster.engines[1].restart(&[]);
    let [one, two] = [&cluster.engines[0], &cluster.engines[1]];
    assert_eq!(two.docker("ps -q"), "", "none was to be started again");

    cluster.store = cluster.world.host(1).consul();
    until("what ended meanwhile is forgotten", SOON, || {
        ["stopped-host1", "removed-host2", "runs-host2"]
            .iter()
            .all(|name| resolves(one, "stays-host1", name).is_empty())
    });
    one.docker("start stopped-host1");
    two.docker("start stopped-host2 runs-host2");
    two.docker("network connect overlay stopped-host2".replace("stopped", "new").as_str());
    ping(one, "stopped-host1", "stopped-host2");
    ping(two, "runs-host2", "runs-host1");
    agree_soon(&cluster);
    cluster.remove_all(SOON);
    cluster.is_empty_soon();
}

/// How long a container takes to start when there is a store: much less than the timeout without one.
#[track_caller]
fn restart(engine: &Engine) -> Duration {
    let name = format!("stays-{}", engine.host().name());
    timed(|| drop(engine.docker(&format!("restart {name}"))))
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
