//! What is asked of the hosts on the way, and measured.

use crate::{
    figures::Measure,
    records,
    stage::{LOOK, NETWORK, SOON, Stage},
    views::{self, Which},
};
use serde_json::json;
use std::{
    io,
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};
use weft_testbed::{Agent, Answer, Container, Host, Pings, Ticket, eventually_every};

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a refusal says where the store is known to be away.
pub(crate) const OUT_OF_REACH: &str = "the store is out of reach since";

impl Stage<'_> {
    /// Waits until all agents agree on what lasts.
    #[track_caller]
    pub(crate) fn agree(&self) {
        eventually_every(LOOK, SOON, || self.agreed(Which::Lasting));
    }

    /// Whether they agree, and nothing that was deleted is back.
    pub(crate) fn agreed(&self, which: Which) -> Result<(), String> {
        let view = views::agreed(&self.hosts(), which)?;
        let is_of = |line: &str, name: &String| line.split(' ').any(|word| word == name);
        let back = view.iter().find(|line| self.deleted.iter().any(|name| is_of(line, name)));
        back.map_or(Ok(()), |line| Err(format!("deleted, and back: {line}")))
    }

    /// Measures how long it takes, since what was broken works again, until all agree and can decide.
    #[track_caller]
    pub(crate) fn catches_up(&mut self, since: Instant) {
        self.agree();
        let probes = self.all_attach();
        self.figures.measure(Measure::CaughtUp, since.elapsed().as_secs_f64());
        self.detach_all(probes);
    }

    /// Waits until the store has the addresses of the containers that stay, as it had.
    #[track_caller]
    pub(crate) fn is_put_back(&self) {
        eventually_every(LOOK, SOON, || {
            let claimed = records::claimed(&self.servers)?;
            let is_there = |web: &&Container| {
                claimed.iter().any(|claim| claim.name == web.name() && claim.address == web.address())
            };
            match self.web.iter().find(|web| !is_there(web)) {
                None => Ok(()),
                Some(web) => Err(format!("{} is not in the store: {claimed:?}", web.name())),
            }
        });
    }

    /// Measures how long it takes from `since` until the host `asked` says why one container does not reach another: its last
    /// line has `why` in it.
    #[track_caller]
    pub(crate) fn explains(&mut self, asked: usize, (from, to): (&str, &str), why: &str, since: Instant) {
        eventually_every(LOOK, SOON, || {
            let output = self.host(asked).output(&["weft", "explain", from, to]);
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let is_it = said.trim_end().lines().next_back().is_some_and(|line| line.contains(why));
            if is_it && !output.status.success() { Ok(()) } else { Err(format!("not {why}: {said}")) }
        });
        self.figures.measure(Measure::Explained, since.elapsed().as_secs_f64());
    }

    /// Waits until every host can decide, which it could not since something broke that others make up for.
    #[track_caller]
    pub(crate) fn all_decide(&self) {
        self.detach_all(self.all_attach());
    }

    /// Attaches something on each host, as soon as it can: where there is an engine, by that.
    #[track_caller]
    fn all_attach(&self) -> Vec<(Host, Ticket)> {
        thread::scope(|scope| {
            let attach = |host| {
                scope.spawn(move || (Host::clone(host), eventually_every(LOOK, SOON, || self.decides(host))))
            };
            let attaching: Vec<_> = self.hosts().into_iter().map(attach).collect();
            attaching.into_iter().map(|one| one.join().expect("every host decides")).collect()
        })
    }

    #[track_caller]
    fn detach_all(&self, probes: Vec<(Host, Ticket)>) {
        for (host, ticket) in probes {
            self.history.letting_go(ticket);
            match self.engine_of(&host) {
                Some(engine) => drop(engine.docker(&format!("rm -f {}", probe(&host)))),
                None => drop(host.run(&["weft", "detach", "--net", NETWORK, "--name", &probe(&host)])),
            }
            self.history.gone(ticket);
            host.run(&["ip", "netns", "delete", &probe(&host)]);
        }
    }

    /// Attaches something on a host.
    fn decides(&self, host: &Host) -> Result<Ticket, String> {
        if let Some(engine) = self.engine_of(host) {
            return self.engine_decides(engine, &probe(host));
        }
        match self.try_attach(host) {
            (ticket, Ok(answer)) if answer.status == 201 => {
                let address = answer.json()["ipv4"].as_str().and_then(|address| address.parse().ok());
                self.history.granted(ticket, address.ok_or("an endpoint without an address")?);
                Ok(ticket)
            }
            (_, other) => Err(format!("{}: cannot attach: {other:?}", host.name())),
        }
    }

    /// Has a host without a store attach something: it must refuse soon, naming the store, and say since when it is
    /// out of reach.
    #[track_caller]
    pub(crate) fn refuses(&mut self, number: usize) {
        self.refuses_saying(number, &[OUT_OF_REACH]);
    }

    /// As [`refuses`](Self::refuses), where the store has just fallen silent, and nobody knows more than that.
    #[track_caller]
    pub(crate) fn refuses_after_silence(&mut self, number: usize) {
        self.refuses_saying(number, &["did not say within", "does not answer", OUT_OF_REACH]);
    }

    #[track_caller]
    fn refuses_saying(&mut self, number: usize, texts: &[&str]) {
        let host = self.host(number).clone();
        let server = self.servers[0].url().split("://").nth(1).unwrap_or_default().to_owned();
        let began = Instant::now();
        let (ticket, answer) = self.try_attach(&host);
        self.figures.measure(Measure::Refused, began.elapsed().as_secs_f64());
        match answer {
            Ok(Answer { status: 503, body })
                if body.contains(&server) && texts.iter().any(|text| body.contains(text)) =>
            {
                self.history.refused(ticket);
                self.heard.push_str(&body);
            }
            other => self.figures.wrong(format!("{}: not refused with {texts:?}: {other:?}", host.name())),
        }
    }

    /// Asks for a certain address until somebody decides about that: it is in use.
    #[track_caller]
    pub(crate) fn is_not_granted(&mut self, number: usize, address: Ipv4Addr) {
        let host = self.host(number).clone();
        host.run(&["ip", "netns", "add", "heir"]);
        let ticket = self.history.ask(host.name(), "heir");
        let body = json!({"network": NETWORK, "name": "heir", "netns": "/run/netns/heir", "ipv4": address});
        let ask = || match host.ask("POST", "/weft/v1/endpoints", Some(&body), PATIENCE) {
            Ok(answer) if answer.status != 503 => Ok(answer),
            other => Err(format!("it is not decided whether {address} is free: {other:?}")),
        };
        match eventually_every(LOOK, SOON, ask) {
            Answer { status: 409, .. } => self.history.refused(ticket),
            answer => self.figures.wrong(format!("{address} is not refused: {answer:?}")),
        }
    }

    /// Asks for an endpoint that is there for that.
    fn try_attach(&self, host: &Host) -> (Ticket, io::Result<Answer>) {
        let name = probe(host);
        host.output(&["ip", "netns", "add", &name]);
        let ticket = self.history.ask(host.name(), &name);
        let body = json!({"network": NETWORK, "name": name, "netns": format!("/run/netns/{name}")});
        (ticket, host.ask("POST", "/weft/v1/endpoints", Some(&body), PATIENCE))
    }

    /// The names of the containers of all hosts are answered, on all hosts.
    #[track_caller]
    pub(crate) fn names_are_answered(&mut self) {
        let here = |number: &usize| !self.away.contains(number);
        let hosts: Vec<_> = (1..=self.agents.len()).filter(here).collect();
        self.answers(&hosts, &hosts);
    }

    /// Containers on hosts `askers` are told the addresses of those on hosts `asked`.
    #[track_caller]
    pub(crate) fn answers(&mut self, askers: &[usize], asked: &[usize]) {
        for asker in askers {
            for other in asked {
                let (asker, other) = (&self.web[asker - 1], &self.web[other - 1]);
                let answer = asker.resolve(other.name());
                if answer != [other.address()] {
                    self.figures.wrong(format!("{} gets {answer:?} for {}", asker.name(), other.name()));
                }
            }
        }
    }

    /// Waits until the name of the container on a host is answered no more on the first, and measures how long it
    /// takes since `dead`.
    #[track_caller]
    pub(crate) fn is_forgotten(&mut self, number: usize, dead: Instant) {
        let name = self.web[number - 1].name();
        eventually_every(LOOK, 2 * SOON, || match self.web[0].resolve(name) {
            none if none.is_empty() => Ok(()),
            some => Err(format!("{name} is still {some:?}")),
        });
        self.figures.measure(Measure::Forgotten, dead.elapsed().as_secs_f64());
    }

    /// Containers on two hosts, which could not, reach each other.
    #[track_caller]
    pub(crate) fn reach_each_other(&self, one: usize, other: usize) {
        let (one, other) = (&self.web[one - 1], &self.web[other - 1]);
        drop([Pings::start(one, other), Pings::start(other, one)].map(Pings::count));
    }

    /// Has something last, and measures what the agents cost meanwhile.
    pub(crate) fn lasts_with_cpu(&mut self, time: Duration) {
        let before: Vec<_> = self.agents.iter().map(Agent::cpu_time).collect();
        let began = Instant::now();
        self.lasts(time);
        for (agent, before) in self.agents.iter().zip(before) {
            let part = (agent.cpu_time() - before).as_secs_f64() / began.elapsed().as_secs_f64();
            self.figures.measure(Measure::Cpu, 100.0 * part);
        }
    }

    /// Keeps what `weft status` says on a host.
    pub(crate) fn look_at_status(&mut self, number: usize) {
        let output = self.host(number).output(&["weft", "status"]);
        self.heard.push_str(&String::from_utf8_lossy(&output.stdout));
    }
}

/// The name of what is attached only to see whether it can be.
fn probe(host: &Host) -> String {
    format!("probe-{}", host.name())
}
