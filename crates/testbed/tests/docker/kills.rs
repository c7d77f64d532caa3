//! Engine, agent, or both killed at any moment of what an engine asks for: nothing leaks, and nothing is in the
//! way. `WEFT_ROUNDS=200 WEFT_SEED=1` for more rounds, and for others.

use crate::cluster::{Cluster, ping, waiter};
use std::{env, thread, time::Duration};
use weft_testbed::{Release, Service};

/// What may be going on. What fails does so since somebody was killed.
const VERBS: [&str; 6] = [
    "docker run -itd --net overlay --name victim busybox",
    "docker run -itd --net overlay --name victim busybox; docker rm -f victim",
    "docker run -itd --net overlay --restart always --name victim busybox; docker restart victim",
    "docker run -itd --name victim busybox; docker network connect overlay victim",
    "docker run -itd --net overlay --name victim busybox; docker network disconnect overlay victim",
    "docker network create -d weft --ipam-driver weft other; docker network rm other",
];

#[derive(Debug)]
enum Victim {
    Agent,
    Engine,
}

/// The agent first, as systemd starts them.
const VICTIMS: [&[Victim]; 3] = [&[Victim::Engine], &[Victim::Agent], &[Victim::Agent, Victim::Engine]];

#[test]
fn the_newest_is_killed_at_any_moment() {
    killed_at_any_moment(Release::Newest);
}

#[test]
fn the_oldest_is_killed_at_any_moment() {
    killed_at_any_moment(Release::Oldest);
}

#[track_caller]
fn killed_at_any_moment(release: Release) {
    let Some(mut cluster) = Cluster::up(&[release, Release::Newest]) else { return };
    let seed = number("WEFT_SEED").unwrap_or(0x5eed);
    eprintln!("WEFT_SEED={seed}");
    let mut chance = Chance(seed);
    for round in 0..number("WEFT_ROUNDS").unwrap_or(8) {
        cluster.create_network("overlay");
        waiter(&cluster.engines[1], "overlay", "peer", "");
        let verb = chance.of(&VERBS);
        let victims = chance.of(&VICTIMS);
        let [pause, rest] = [500, 200].map(|limit| Duration::from_millis(chance.below(limit)));
        eprintln!("round {round}: `{verb}`; after {pause:?} dies {victims:?}");
        let at_it = cluster.world.host(1).spawn(&["sh", "-c", verb]);
        thread::sleep(pause);
        kill(&mut cluster, victims);
        thread::sleep(rest);
        start(&mut cluster, victims);
        finished(at_it);

        // A fresh one works at once, whatever is still being tidied up.
        let engine = &cluster.engines[0];
        waiter(engine, "overlay", "fresh", "");
        ping(engine, "fresh", "peer");
        ping(&cluster.engines[1], "peer", "fresh");
        for engine in &cluster.engines {
            engine.docker(&format!("rm -f {}", engine.docker("ps -aq").replace('\n', " ")));
        }
        for network in ["overlay", "other"] {
            if engine.succeeds(&format!("network inspect {network}")) {
                engine.docker(&format!("network rm {network}"));
            }
        }
        cluster.is_empty_soon();
    }
}

fn kill(cluster: &mut Cluster, victims: &[Victim]) {
    for victim in victims {
        match victim {
            Victim::Agent => cluster.agents[0].kill9(),
            Victim::Engine => cluster.engines[0].kill9(),
        }
    }
}

fn start(cluster: &mut Cluster, victims: &[Victim]) {
    for victim in victims {
        match victim {
            Victim::Agent => cluster.agents[0].restart(),
            Victim::Engine => cluster.engines[0].restart(&[]),
        }
    }
}

/// Waits for the commands; the engine answers each, also when it was killed.
#[track_caller]
fn finished(mut commands: Service) {
    commands.wait(Duration::from_secs(60));
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// Numbers that a seed decides (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64));
        choices[index.expect("below a usize")]
    }
}
