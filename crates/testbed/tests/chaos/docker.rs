//! What is asked of engines, and measured.

use crate::{
    asking::OUT_OF_REACH,
    figures::Measure,
    stage::{NETWORK, SOON, Stage},
    views::{self, list, text},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};
use weft_testbed::{Container, Engine, Host, Release, Ticket, World, until};

/// With this, containers run on without their engine.
pub(crate) const LIVE_RESTORE: &[&str] = &["--live-restore"];

/// Containers of every engine: one that is to be started on the network, one that runs and is to be connected to it,
/// and one that has nothing to do with it, and does not run.
pub(crate) const WAITING: &str = "waiting";
pub(crate) const ASIDE: &str = "aside";
pub(crate) const FOREIGN: &str = "foreign";

/// What one of them is called in an engine: a name that two hosts have is a problem in `weft status`.
pub(crate) fn called(name: &str, engine: &Engine) -> String {
    format!("{name}-{}", engine.host().name())
}

/// Each by the number of its host.
#[track_caller]
pub(crate) fn start_engines(world: &World, engines: &[(usize, Release)]) -> BTreeMap<usize, Engine> {
    let start = |(number, release)| {
        let mut engine = world.host(number).engine(release);
        engine.restart(LIVE_RESTORE);
        (number, engine)
    };
    thread::scope(|scope| {
        let starting: Vec<_> = engines.iter().map(|one| scope.spawn(|| start(*one))).collect();
        starting.into_iter().map(|one| one.join().expect("an engine starts")).collect()
    })
}

impl Stage<'_> {
    /// The engine of a host that has one.
    pub(crate) fn engine_of(&self, host: &Host) -> Option<&Engine> {
        self.engines.values().find(|engine| engine.host().name() == host.name())
    }

    pub(crate) fn engine(&mut self, number: usize) -> &mut Engine {
        self.engines.get_mut(&number).expect("this host has Docker")
    }

    /// `docker run`, of a container that stays, and starts again with its engine.
    #[track_caller]
    pub(crate) fn engine_runs(&self, number: usize, name: &str) -> Container {
        self.is_in_engine(number, NETWORK);
        self.engines[&number]
            .docker(&format!("run -itd --net {NETWORK} --restart always --name {name} busybox"));
        self.is_run(number, NETWORK, name)
    }

    /// A container that an engine has started, once it is known by its name.
    #[track_caller]
    pub(crate) fn is_run(&self, number: usize, network: &str, name: &str) -> Container {
        let engine = &self.engines[&number];
        let ticket = self.history.ask(engine.host().name(), name);
        let container = Container::of_engine(engine, network, name);
        self.history.granted(ticket, container.address());
        until("it is known by its name", SOON, || container.resolve(name).contains(&container.address()));
        container
    }

    /// Waits until the container of a host is started again by its engine.
    #[track_caller]
    pub(crate) fn web_is_back(&mut self, number: usize) {
        let name = self.web[number - 1].name();
        until("it runs again", SOON, || {
            self.engines[&number].docker(&format!("inspect -f {{{{.State.Running}}}} {name}")) == "true"
        });
        self.web[number - 1] = self.is_run(number, NETWORK, name);
    }

    /// Waits until an engine has a network, wherever it was made.
    #[track_caller]
    pub(crate) fn is_in_engine(&self, number: usize, network: &str) {
        until("the network is in the engine", SOON, || {
            self.engines[&number].succeeds(&format!("network inspect {network}"))
        });
    }

    /// `docker run`, of something that is there only to see whether it can be.
    pub(crate) fn engine_decides(&self, engine: &Engine, name: &str) -> Result<Ticket, String> {
        let ticket = self.history.ask(engine.host().name(), name);
        // With --rm, what cannot be started is not in the way of the next attempt.
        let run = format!("run -itd --rm --net {NETWORK} --name {name} busybox");
        if !engine.succeeds(&run) {
            self.history.refused(ticket);
            return Err(format!("{}: `docker {run}` fails", engine.host().name()));
        }
        self.history.granted(ticket, Container::of_engine(engine, NETWORK, name).address());
        Ok(ticket)
    }

    /// Has every engine start a container, and connect one: it must refuse both soon, naming the store, and say since
    /// when it is out of reach.
    #[track_caller]
    pub(crate) fn engines_refuse(&mut self) {
        let [start, stop] =
            ["start", "stop"].map(|verb| move |name: &str| (format!("/containers/{name}/{verb}"), None));
        for engine in self.engines.values() {
            let aside = json!({"Container": called(ASIDE, engine)});
            let connect = (format!("/networks/{NETWORK}/connect"), Some(aside));
            // Past the command, whose own start takes as long as this machine has other things to do.
            let ask = |(path, body): &(String, Option<Value>)| {
                let began = Instant::now();
                (engine.request("POST", path, body.as_ref()), began.elapsed())
            };
            // The newest engine makes a container before it asks for its network, and then has to remove it. How
            // long that takes now, one says that needs no store.
            let of_engine = [start(FOREIGN), stop(FOREIGN)].iter().map(|request| ask(request).1).sum();
            let start_waiting = start(&called(WAITING, engine));
            for (request, of_engine) in [(start_waiting, of_engine), (connect, Duration::ZERO)] {
                let (answer, took) = ask(&request);
                self.figures.measure(Measure::Refused, took.saturating_sub(of_engine).as_secs_f64());
                let url = self.servers[0].url();
                let reasons = [OUT_OF_REACH, url.split_once("://").map_or(url, |(_, server)| server)];
                if answer.status < 400 || !reasons.iter().all(|text| answer.body.contains(text)) {
                    let (host, path) = (engine.host().name(), request.0);
                    self.figures.wrong(format!("{host}: {path}: not refused with {reasons:?}: {answer:?}"));
                }
                self.heard.push_str(&answer.body);
            }
        }
    }

    /// What every engine says of our networks that stay, and of the containers on them.
    #[track_caller]
    pub(crate) fn inspected(&self) -> Vec<Value> {
        self.engines.values().map(|engine| engine.json("network inspect overlay idle")).collect()
    }

    /// Whether every engine has the cluster's networks, and none that the cluster has not.
    pub(crate) fn engines_agree(&self) -> Result<(), String> {
        for (number, engine) in &self.engines {
            let of_engine = engine.docker("network ls -f driver=weft --format {{.Name}}");
            let of_engine: BTreeSet<_> = of_engine.lines().map(str::to_owned).collect();
            let of_cluster = list(&views::get(self.host(*number), "/networks")?);
            let of_cluster = of_cluster.iter().map(|network| text(&network["Name"]).to_owned()).collect();
            if of_engine != of_cluster {
                let host = engine.host().name();
                return Err(format!("{host}: Docker has {of_engine:?}, and the cluster {of_cluster:?}"));
            }
        }
        Ok(())
    }
}
