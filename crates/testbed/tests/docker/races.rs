//! One name, created on several hosts at once.

use crate::cluster::{CREATE, Cluster, SOON};
use std::{sync::Barrier, thread};
use weft_testbed::{Engine, Release, until};

const ROUNDS: usize = 4;

/// As scripts do it: what an engine calls a network that it says it has created, goes on to lead to it. (An engine of
/// 20.10 may end with two networks of one name, ours and the user's, created at once: status says so.)
#[test]
fn the_id_of_a_network_that_lost_a_race_goes_on_working() {
    let Some(cluster) = Cluster::up(&[Release::Newest; 3]) else { return };
    let host = cluster.world.host(1);
    for round in 0..ROUNDS {
        let (name, barrier) = (format!("race-{round}"), Barrier::new(cluster.engines.len()));
        let lost = thread::scope(|scope| {
            let racing: Vec<_> =
                cluster.engines.iter().map(|engine| scope.spawn(|| race(engine, &name, &barrier))).collect();
            racing
                .into_iter()
                .filter_map(|one| one.join().expect("it is created, or refused"))
                .collect::<Vec<_>>()
        });
        assert!(!lost.is_empty(), "somebody wins");
        for (engine, id) in &lost {
            // Also after all is settled, and they are on one network.
            engine.docker(&format!("run -itd --net {id} --name {} busybox", engine.host().name()));
        }
        for (engine, _) in &lost {
            for (other, _) in &lost {
                let (own, other) = (engine.host().name(), other.host().name());
                until("they reach each other", SOON, || {
                    engine.succeeds(&format!("exec {own} ping -c1 -W2 {other}"))
                });
            }
            assert!(engine.host().output(&["weft", "status"]).status.success());
        }
        for (engine, _) in &lost {
            engine.docker(&format!("rm -f {}", engine.host().name()));
        }
        host.run(&["weft", "network", "rm", &name]);
    }
    cluster.is_empty_soon();
}

/// Creates a network, and runs something on it; none if the engine knew of another of that name.
fn race<'e>(engine: &'e Engine, name: &str, barrier: &Barrier) -> Option<(&'e Engine, String)> {
    barrier.wait();
    let create = format!("{CREATE} {name}");
    let created = engine.host().output(&["sh", "-c", &format!("docker {create}")]);
    if !created.status.success() {
        let refusal = String::from_utf8_lossy(&created.stderr).into_owned();
        assert!(refusal.contains("already exists"), "{refusal}");
        return None;
    }
    let id = String::from_utf8_lossy(&created.stdout).trim().to_owned();
    engine.docker(&format!("run --rm --net {id} busybox true"));
    Some((engine, id))
}
