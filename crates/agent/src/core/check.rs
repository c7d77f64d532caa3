//! All ways between the hosts on a network are tried: each host has something on it for that, for as long as it takes.

mod ways;

use super::{
    access::ClusterAccess,
    explain::Explainer,
    nodes::Nodes,
    parts::{Base, CoreParts},
    processes::Processes,
    status::LOOK_PATIENCE,
};
use crate::{host::Host, reconcile::Rounds};
use std::{collections::VecDeque, num::NonZeroU16, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use weft_model::{
    CHECK_PORTS, Checked, EndpointName, NetworkId, PortMapping, Protocol, ServicePort, is_for_check,
};
use weft_state::env::Env;
use weft_verbs::{Error, JoinOptions, Kind, Process, ProcessState, Run};

/// Where it listens: echo's (RFC 862).
const PORT: ServicePort = ServicePort { port: NonZeroU16::new(7).unwrap(), protocol: Protocol::Tcp };
/// How long it answers, in seconds, if nobody ends it before.
const LIFE: &str = "120";
/// How many there may be on this host at once.
const AT_ONCE: usize = 4;
/// How many are known to have been ended before they began. Each check has names of its own.
const REMEMBERED: usize = 64;
/// How often to try for a port that nothing has.
const TRIES: usize = 5;
/// How long it may take to listen.
const LISTENS: Duration = Duration::from_secs(5);

/// Checks networks, and takes part when others do.
pub(crate) struct Checker {
    access: Arc<ClusterAccess>,
    env: Arc<Env>,
    explainer: Arc<Explainer>,
    host: Arc<dyn Host>,
    nodes: Arc<Nodes>,
    processes: Arc<Processes>,
    rounds: Rounds,
    /// What was ended before it began: who gives a check up tells it on another connection, which may be the faster one.
    /// Held while something is put on a network or taken off.
    ended: Mutex<VecDeque<EndpointName>>,
}

impl Checker {
    pub(super) fn new(
        parts: &CoreParts,
        base: &Base,
        (explainer, processes): (&Arc<Explainer>, &Arc<Processes>),
    ) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            env: Arc::clone(&parts.env),
            explainer: Arc::clone(explainer),
            host: Arc::clone(&parts.host),
            nodes: Arc::clone(&base.nodes),
            processes: Arc::clone(processes),
            rounds: parts.rounds.clone(),
            ended: Mutex::default(),
        }
    }

    /// Puts something on a network of this host that answers.
    pub(crate) async fn begin(&self, network: NetworkId, name: &EndpointName) -> Result<Checked, Error> {
        refuse_others(name)?;
        // One after the other, so that there are not more of them than there may be.
        let ended = self.ended.lock().await;
        if ended.contains(name) {
            return Err(Error::conflict("the check was given up"));
        }
        let is_one = |process: &Process| {
            is_for_check(&process.name) && matches!(process.state, ProcessState::Running { .. })
        };
        if self.processes.process_views().iter().filter(|process| is_one(process)).count() >= AT_ONCE {
            return Err(Error::conflict(
                "it takes part in several checks already: try again when they have ended",
            ));
        }
        let (process, published) = self.start(network, name).await?;
        let there = self.there(&process, network, published).await;
        if there.is_err() {
            let _ = self.remove(name).await;
        }
        there
    }

    /// Waits until it listens, and says what it has there.
    async fn there(
        &self,
        process: &Process,
        network: NetworkId,
        published: Option<NonZeroU16>,
    ) -> Result<Checked, Error> {
        self.listens(&process.netns).await?;
        let gone = || Error::new(Kind::Unavailable, "what was to answer ended at once");
        let endpoint = self.processes.endpoint_of(&process.id, network).ok_or_else(gone)?;
        // What the network carries here is known when the kernel was looked at since.
        self.rounds.look(LOOK_PATIENCE).await;
        Ok(Checked { endpoint, port: PORT, published, mtu: self.rounds.mtu(&network) })
    }

    /// Takes it off again.
    pub(crate) async fn end(&self, name: &EndpointName) -> Result<(), Error> {
        refuse_others(name)?;
        let mut ended = self.ended.lock().await;
        match self.remove(name).await {
            Err(error) if error.kind == Kind::NotFound => {
                ended.truncate(REMEMBERED - 1);
                ended.push_front(name.clone());
                Ok(())
            }
            removed => removed,
        }
    }

    async fn remove(&self, name: &EndpointName) -> Result<(), Error> {
        self.processes.remove_one(name.as_str(), true).await
    }

    /// Starts it, with a port of this host that leads there, if one can be had.
    async fn start(
        &self,
        network: NetworkId,
        name: &EndpointName,
    ) -> Result<(Process, Option<NonZeroU16>), Error> {
        for _ in 0..TRIES {
            let published = self.env.random(|rng| rand::RngExt::random_range(rng, CHECK_PORTS));
            let Some(published) = NonZeroU16::new(published) else { continue };
            let port =
                PortMapping { host_ip: None, host_port: published, port: PORT.port, protocol: PORT.protocol };
            match self.processes.start(answering(network, name, vec![port])).await {
                Ok(process) => return Ok((process, Some(published))),
                // Another program has it.
                Err(error) if error.kind == Kind::Conflict => {}
                // An internal network has none.
                Err(_) => break,
            }
        }
        Ok((self.processes.start(answering(network, name, Vec::new())).await?, None))
    }

    async fn listens(&self, netns: &Path) -> Result<(), Error> {
        let start = Instant::now();
        while !self.host.listeners(netns).await?.iter().any(|(_, port)| *port == PORT) {
            if start.elapsed() > LISTENS {
                let what = format!("what was to answer does not listen within {} s", LISTENS.as_secs());
                return Err(Error::new(Kind::Unavailable, what));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// What is called otherwise is none of a check's.
fn refuse_others(name: &EndpointName) -> Result<(), Error> {
    match is_for_check(name) {
        true => Ok(()),
        false => Err(Error::invalid(format!("{name} is nothing that is there for a check"))),
    }
}

/// This program once more: the shim that starts it is this program, too.
fn answering(network: NetworkId, name: &EndpointName, ports: Vec<PortMapping>) -> Run {
    let port = PORT.port.to_string();
    let command = ["/proc/self/exe", "responder", "--port", &port, "--for", LIFE];
    Run {
        name: Some(name.clone()),
        network: network.to_string(),
        options: JoinOptions::default(),
        command: command.map(str::to_owned).to_vec(),
        env: Default::default(),
        workdir: "/".into(),
        mounts: Vec::new(),
        ports,
        remove: true,
        session: None,
    }
}
