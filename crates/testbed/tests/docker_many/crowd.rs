//! Many containers at once.

use crate::cluster::{Cluster, SOON, address};
use serde_json::json;
use std::{collections::BTreeMap, thread};
use weft_testbed::{Engine, Release, eventually};

const CONTAINERS: usize = 60;

#[test]
fn sixty_started_at_once_on_three_engines() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest, Release::Newest]) else { return };
    cluster.create_network("overlay");
    let engine_of = |number: usize| &cluster.engines[number % cluster.engines.len()];
    let name = |number: usize| format!("c{number}");
    let numbers: Vec<_> = (0..CONTAINERS).collect();
    at_once(&numbers, |number| {
        let container =
            json!({"Image": "busybox", "OpenStdin": true, "HostConfig": {"NetworkMode": "overlay"}});
        let create = format!("/containers/create?name={}", name(number));
        assert_eq!(engine_of(number).request("POST", &create, Some(&container)).status, 201);
    });
    // Through the API: sixty of docker's commands, each a process of its own, would rather test this machine.
    at_once(&numbers, |number| {
        let answer = engine_of(number).request("POST", &format!("/containers/{}/start", name(number)), None);
        assert_eq!(answer.status, 204, "c{number}: {answer:?}");
    });

    let addresses: BTreeMap<String, String> = numbers
        .iter()
        .map(|number| (address(engine_of(*number), "overlay", &name(*number)), name(*number)))
        .collect();
    assert_eq!(addresses.len(), CONTAINERS, "two have the same address: {addresses:?}");
    // On each host a few ask for all, and ping one on each of the others.
    at_once(&numbers[..6], |number| {
        let inside = Inside::of(engine_of(number), &name(number));
        eventually(SOON, || match inside.addresses(numbers.iter().map(|other| name(*other))) {
            answers if answers == addresses => Ok(()),
            answers => Err(format!("c{number} is told {answers:?}, not {addresses:?}")),
        });
        for other in [number + 7, number + 14] {
            inside.ping(&name(other));
        }
    });
    cluster.remove_all(SOON);
    cluster.is_empty_soon();
}

#[track_caller]
fn at_once(numbers: &[usize], work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for number in numbers {
            let work = &work;
            scope.spawn(move || work(*number));
        }
    });
}

/// A container's network, entered past the engine, which takes long to start anything.
struct Inside<'e> {
    engine: &'e Engine,
    namespace: String,
}

impl<'e> Inside<'e> {
    #[track_caller]
    fn of(engine: &'e Engine, container: &str) -> Self {
        let process = engine.docker(&format!("inspect -f {{{{.State.Pid}}}} {container}"));
        Self { engine, namespace: format!("--net=/proc/{process}/ns/net") }
    }

    #[track_caller]
    fn run(&self, command: &[&str]) -> String {
        self.engine.host().run(&[&["nsenter", &self.namespace], command].concat())
    }

    /// What the container is told for `names`: by address, so that one that is told twice stands out.
    #[track_caller]
    fn addresses(&self, names: impl Iterator<Item = String>) -> BTreeMap<String, String> {
        let names: Vec<_> = names.collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let told = self.run(&[&["dig", "+noall", "+answer", "+time=1", "@127.0.0.11"], &names[..]].concat());
        let pair = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next()?.trim_end_matches('.').to_owned();
            Some((words.next_back()?.to_owned(), name))
        };
        told.lines().filter_map(pair).collect()
    }

    /// One of a few is answered: the kernel's neighbour table, which the hosts share here, may be full.
    #[track_caller]
    fn ping(&self, name: &str) {
        let address = self.run(&["dig", "+short", "@127.0.0.11", name]);
        self.run(&["ping", "-c5", "-i0.3", "-W2", "-q", address.trim()]);
    }
}
