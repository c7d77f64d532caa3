//! A cluster at work: containers that talk to each other, endpoints that come and go, and everything that was
//! granted remembered.

use crate::{
    credentials,
    docker::start_engines,
    figures::Figures,
    load::Load,
    scenario::{Kept, Scenario},
    traffic::Traffic,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};
use weft_testbed::{Agent, Container, Engine, History, Host, StoreServer, Ticket, World, until};

/// The network that everything happens on. It is small, so that addresses are given to others soon.
pub(crate) const NETWORK: &str = "overlay";
const POOL: &str = "10.9.0.0/26";
/// How long something may take that nobody measures.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How often to look at something that takes an agent some work to say.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// What a scenario has to play with. Hosts are counted from 1; nothing happens to the first.
pub(crate) struct Stage<'f> {
    pub(crate) figures: &'f mut Figures,
    pub(crate) history: History,
    pub(crate) agents: Vec<Agent>,
    pub(crate) servers: Vec<StoreServer>,
    /// Each by the number of its host.
    pub(crate) engines: BTreeMap<usize, Engine>,
    /// `web-1` on host 1, and so on: where there is an engine, in Docker.
    pub(crate) web: Vec<Container>,
    /// Hosts that are not asked, since nothing of them is there.
    pub(crate) away: BTreeSet<usize>,
    pub(crate) traffic: Option<Traffic>,
    pub(crate) load: Option<Load>,
    /// What was made last, to be seen by others.
    latest: Option<(Container, Ticket)>,
    changes: usize,
    /// Names of what was deleted, which may not come back.
    pub(crate) deleted: Vec<String>,
    /// What is to be read in the end, and what was.
    pub(crate) says: &'static [&'static str],
    pub(crate) heard: String,
    /// The last, so that it ends after everything in it.
    pub(crate) world: World,
}

impl<'f> Stage<'f> {
    /// Sets it; `None` if this machine cannot have one.
    #[track_caller]
    pub(crate) fn set(scenario: &Scenario, figures: &'f mut Figures) -> Option<Self> {
        let keepers = if scenario.store == Kept::Consuls { 3 } else { 1 };
        let world = World::up(scenario.hosts + keepers)?;
        let (hosts, keepers) = world.hosts().split_at(scenario.hosts);
        let servers = start_servers(scenario.store, keepers);
        if scenario.store == Kept::GuardedConsul {
            credentials::prepare(servers[0].host(), hosts);
        }
        let agents = start_agents(hosts, &servers, scenario.arguments);
        let engines = start_engines(&world, scenario.engines);
        let mut stage = Self {
            figures,
            history: History::default(),
            agents,
            servers,
            engines,
            web: Vec::new(),
            away: BTreeSet::new(),
            traffic: None,
            load: None,
            latest: None,
            changes: 0,
            deleted: Vec::new(),
            says: scenario.says,
            heard: String::new(),
            world,
        };
        until("the first host decides", SOON, || {
            stage.host(1).output(&["weft", "network", "create", "--subnet", POOL, NETWORK]).status.success()
        });
        stage.agree();
        stage.web = (1..=scenario.hosts).map(|number| stage.web(number)).collect();
        stage.agree();
        let web = |number: usize| &stage.web[number - 1];
        stage.traffic =
            Some(Traffic::start(scenario.spared.iter().map(|(one, other)| (web(*one), web(*other)))));
        let busy: Vec<_> = scenario.busy.iter().map(|number| stage.host(*number)).collect();
        stage.load = Some(Load::start(&busy, NETWORK, &stage.history));
        stage.change();
        Some(stage)
    }

    pub(crate) fn host(&self, number: usize) -> &Host {
        self.world.host(number)
    }

    pub(crate) fn agent(&mut self, number: usize) -> &mut Agent {
        &mut self.agents[number - 1]
    }

    /// The hosts with an agent that are there.
    pub(crate) fn hosts(&self) -> Vec<&Host> {
        let numbers = (1..=self.agents.len()).filter(|number| !self.away.contains(number));
        numbers.map(|number| self.host(number)).collect()
    }

    /// The container of a host that everything is about.
    #[track_caller]
    fn web(&self, number: usize) -> Container {
        let name = format!("web-{number}");
        if self.engines.contains_key(&number) {
            self.engine_runs(number, &name)
        } else {
            self.container(number, &name).0
        }
    }

    /// A container that stays.
    #[track_caller]
    pub(crate) fn container(&self, number: usize, name: &str) -> (Container, Ticket) {
        let host = self.host(number);
        let ticket = self.history.ask(host.name(), name);
        let container = Container::attach(host, NETWORK, name);
        self.history.granted(ticket, container.address());
        (container, ticket)
    }

    /// Makes a network and a container on the first host, and deletes those of the time before: for the others to
    /// catch up with.
    #[track_caller]
    pub(crate) fn change(&mut self) {
        let name = |number: usize| (format!("network-{number}"), format!("fresh-{number}"));
        self.changes += 1;
        let number = self.changes;
        let (network, fresh) = name(number);
        self.host(1).run(&["weft", "network", "create", &network]);
        let latest = self.container(1, &fresh);
        if let Some((before, ticket)) = self.latest.replace(latest) {
            self.history.letting_go(ticket);
            self.deleted.push(before.name().to_owned());
            before.detach(NETWORK);
            self.history.gone(ticket);
            let (network, _) = name(number - 1);
            self.host(1).run(&["weft", "network", "rm", &network]);
            self.deleted.push(network);
        }
    }

    /// The network is gone, with everything on it: makes it anew, with nothing on it.
    #[track_caller]
    pub(crate) fn lose_everything(&mut self) {
        let latest = self.latest.take().map(|(container, _)| container);
        for container in self.web.drain(..).chain(latest) {
            self.history.gone_with(container.host().name());
            container.detach(NETWORK);
        }
        self.host(1).run(&["weft", "network", "create", "--subnet", POOL, NETWORK]);
    }

    /// How long a fault lasts is a part of the scenario.
    pub(crate) fn lasts(&self, time: Duration) {
        thread::sleep(time);
    }

    /// Keeps the agent's log, before another takes its place.
    pub(crate) fn hear(&mut self, number: usize) {
        let log = self.agent(number).log();
        self.heard.push_str(&log);
    }

    /// Starts an agent again, which ended.
    #[track_caller]
    pub(crate) fn restart_agent(&mut self, number: usize) {
        self.hear(number);
        self.agent(number).restart();
    }
}

#[track_caller]
fn start_servers(kept: Kept, hosts: &[Host]) -> Vec<StoreServer> {
    match kept {
        Kept::Consul => hosts.iter().map(Host::consul).collect(),
        Kept::GuardedConsul => hosts.iter().map(Host::guarded_consul).collect(),
        Kept::Etcd => hosts.iter().map(Host::etcd).collect(),
        Kept::Consuls => {
            let all: Vec<&Host> = hosts.iter().collect();
            let servers: Vec<_> = hosts.iter().map(|host| host.consul_among(&all)).collect();
            servers.iter().for_each(StoreServer::wait_until_ready);
            servers
        }
    }
}

/// All at once.
#[track_caller]
fn start_agents(hosts: &[Host], servers: &[StoreServer], arguments: &[&str]) -> Vec<Agent> {
    let (kind, _) = servers[0].url().split_once("://").expect("it is a URL");
    let addresses: Vec<_> = servers.iter().filter_map(|server| server.url().split("://").nth(1)).collect();
    let store = format!("--cluster-store={kind}://{}", addresses.join(","));
    let usual = [store.as_str(), "--cluster-advertise=eth0"];
    let arguments = &[&usual, arguments].concat();
    thread::scope(|scope| {
        let starting: Vec<_> = hosts.iter().map(|host| scope.spawn(|| host.agent(arguments))).collect();
        starting.into_iter().map(|agent| agent.join().expect("an agent starts")).collect()
    })
}
