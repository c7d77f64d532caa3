//! What runs while agents and engines come and go.

use crate::cluster::{Cluster, SOON, address, resolves, waiter};
use rustix::process::Signal;
use weft_testbed::{Engine, Release, Service, until};

/// Pings that go on until they are counted, in both directions.
struct Pings([Service; 2]);

impl Pings {
    /// Between two containers, from their namespaces: what docker itself runs in a container ends with it.
    #[track_caller]
    fn start(engines: &[Engine]) -> Self {
        let names = ["held-1", "held-2"];
        let ping = |from: usize, to: usize| {
            let process = engines[from].docker(&format!("inspect -f {{{{.State.Pid}}}} {}", names[from]));
            let namespace = format!("--net=/proc/{process}/ns/net");
            let target = address(&engines[to], "overlay", names[to]);
            let pings = engines[from].host().spawn(&["nsenter", &namespace, "ping", "-i0.01", &target]);
            pings.logs("icmp_seq=3 ", SOON);
            pings
        };
        Self([ping(0, 1), ping(1, 0)])
    }

    /// Ends them. Of all that were answered since the start, none is missing.
    #[track_caller]
    fn lost_none(self) {
        for mut pings in self.0 {
            pings.signal(Signal::INT);
            pings.wait(SOON);
            let log = pings.log();
            let numbers = log.lines().filter_map(|line| {
                let (_, rest) = line.split_once("icmp_seq=")?;
                rest.split_whitespace().next()?.parse::<u32>().ok()
            });
            let answered: Vec<_> = numbers.collect();
            // The first one may come before the hosts know of each other's container.
            let first = answered.first().expect("they were waited for");
            let lost: Vec<_> = (*first..)
                .zip(&answered)
                .find(|(expected, number)| expected != *number)
                .into_iter()
                .collect();
            assert!(lost.is_empty() && *first <= 2, "first {first}, then expected and got: {lost:?}\n{log}");
        }
    }
}

#[test]
fn no_packet_is_lost_when_an_agent_or_a_live_restoring_engine_goes() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    cluster.engines.iter_mut().for_each(|engine| engine.restart(&["--live-restore"]));
    for (engine, name) in cluster.engines.iter().zip(["held-1", "held-2"]) {
        waiter(engine, "overlay", name, &format!("--network-alias also-{name}"));
    }
    let pings = Pings::start(&cluster.engines);

    for index in [0, 1] {
        cluster.agents[index].stop();
        cluster.agents[index].restart();
        names_are_answered(&cluster);
        cluster.agents[index].kill9();
        cluster.agents[index].restart();
        names_are_answered(&cluster);
        cluster.engines[index].stop();
        cluster.engines[index].restart(&["--live-restore"]);
        names_are_answered(&cluster);
        cluster.engines[index].kill9();
        cluster.engines[index].restart(&["--live-restore"]);
        names_are_answered(&cluster);
        cluster.engines[index].kill9();
        cluster.agents[index].kill9();
        cluster.agents[index].restart();
        cluster.engines[index].restart(&["--live-restore"]);
        names_are_answered(&cluster);
    }

    pings.lost_none();
    cluster.remove_all(SOON);
    cluster.is_empty_soon();
}

/// Both containers find each other, by name and by alias.
#[track_caller]
fn names_are_answered(cluster: &Cluster) {
    let [one, two] = [&cluster.engines[0], &cluster.engines[1]];
    for (engine, own, there, other) in [(one, "held-1", two, "held-2"), (two, "held-2", one, "held-1")] {
        let expected = [address(there, "overlay", other)];
        for name in [other.to_owned(), format!("also-{other}")] {
            until(&format!("{name} is at {expected:?}, for {own}"), SOON, || {
                resolves(engine, own, &name) == expected
            });
        }
    }
}
