//! Processes on networks: started, watched, stopped, forgotten.

mod ports;
mod session;
mod unknown;

use super::parts::{Base, CoreParts};
use super::{
    access::ClusterAccess,
    endpoints::{Endpoints, Holder},
    networks::find,
};
use crate::{
    config::AgentConfig,
    host::Host,
    processes::{ProcessRecord, ProcessRefusal, ProcessTable, netns_name},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::time::{sleep, timeout};
use weft_dns::upstream::ResolvConf;
use weft_model::{EndpointId, ProcessId, chain};
use weft_process::{Mount, RunState, Signal, Spec, StartError};
use weft_state::{
    cluster::Cluster,
    env::Env,
    journal::{LocalEndpoint, Owner},
};
use weft_verbs::{Error, Kind, Process, ProcessState, Run};

/// The first pause before a process that cannot be watched is looked at again, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a process may take to be on its network and started, with what is taken back if it fails.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long one that was killed may take to have ended and left its networks.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// Runs processes on networks.
pub(crate) struct Processes {
    access: Arc<ClusterAccess>,
    config: Arc<AgentConfig>,
    endpoints: Arc<Endpoints>,
    env: Arc<Env>,
    host: Arc<dyn Host>,
    table: Arc<ProcessTable>,
}

impl Processes {
    pub(super) fn new(parts: &CoreParts, base: &Base) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            config: Arc::clone(&parts.config),
            endpoints: Arc::clone(&base.endpoints),
            env: Arc::clone(&parts.env),
            host: Arc::clone(&parts.host),
            table: Arc::clone(&parts.table),
        }
    }

    pub(super) async fn start(self: &Arc<Self>, request: Run) -> Result<Process, Error> {
        let may_start = |cluster: &Cluster| {
            let (network, record) = find(cluster, &request.network)?;
            request.ports.iter().try_for_each(|port| self.may_publish(record, port)).map(|()| network)
        };
        let (_, network) = self.access.decide(may_start).await?;
        let id = self.env.random(|rng| ProcessId::random(rng));
        // A process id's first digits are a name: letters and digits.
        let made_up = || id.short().parse().map_err(Error::invalid);
        let name = request.name.clone().map_or_else(made_up, Ok)?;
        let process = self.table.add(ProcessRecord {
            id,
            name,
            command: request.command.clone(),
            created: self.env.now(),
            ports: request.ports.clone(),
            remove: request.remove,
        })?;
        match self.start_on(network, &process, &request).await {
            Ok(()) => {
                self.table.set_begun(&process.id);
                self.watch(Arc::clone(&process));
                self.process_view(&process)
            }
            Err(error) => {
                self.table.set_begun(&process.id);
                self.clear(&process, true).await;
                Err(error)
            }
        }
    }

    async fn start_on(
        &self,
        network: weft_model::NetworkId,
        process: &ProcessRecord,
        request: &Run,
    ) -> Result<(), Error> {
        self.host.create_netns(&process.netns_name()).await?;
        let holder = Holder {
            netns: process.netns(),
            owner: Owner::Process(process.id),
            container: Some(process.id.to_string()),
            interface: None,
            ports: request.ports.clone(),
        };
        let joined = self.endpoints.join(network, &process.name, &request.options, holder).await?;
        let mut hosts = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        for address in joined.endpoint.addresses() {
            hosts.push_str(&format!("{address}\t{}\n", process.name));
        }
        let resolv_conf = self.host.resolv_conf();
        let resolv_conf = resolv_conf
            .map_err(|error| Error::internal("cannot read this host's /etc/resolv.conf", error))?;
        let spec = Spec {
            id: process.id.to_string(),
            name: process.name.to_string(),
            netns: process.netns(),
            command: request.command.clone(),
            env: request.env.clone(),
            workdir: request.workdir.clone(),
            mounts: request
                .mounts
                .iter()
                .cloned()
                .map(|m| Mount { source: m.source, target: m.target, read_only: m.read_only })
                .collect(),
            resolv_conf: ResolvConf::parse(&resolv_conf).for_container(),
            hosts,
            open_files: self.config.open_files,
            session: request.session.map(|wanted| self.session(&process.id, wanted)).transpose()?,
        };
        let (directory, weft) = (self.table.directory(&process.id), self.config.weft_binary.clone());
        tokio::task::spawn_blocking(move || weft_process::start(&directory, &spec, &weft))
            .await
            .map_err(|error| Error::internal("starting the process", error))?
            .map(drop)
            .map_err(|error| {
                // What this host cannot do is in the request: a command, a directory, a file to mount.
                let asked = matches!(error, StartError::Invalid(_) | StartError::Refused { .. });
                let kind = if asked { Kind::Invalid } else { Kind::Internal };
                let exit_code = u8::try_from(error.exit_code()).ok();
                Error { exit_code, ..Error::new(kind, chain(&error)) }
            })
    }

    /// Takes over the processes that an earlier agent started.
    pub(crate) fn adopt(self: &Arc<Self>) {
        for process in self.table.all() {
            self.watch(process);
        }
        let strays = self.table.strays().unwrap_or_else(|error| {
            tracing::error!(error = chain(&error), "what is left of processes without a record stays");
            Vec::new()
        });
        for stray in strays {
            let own = Arc::clone(self);
            tokio::spawn(async move { own.clear_stray(stray).await });
        }
        let own = Arc::clone(self);
        tokio::spawn(async move { own.clear_orphans().await });
    }

    /// Removes what is left of a process that nothing is known of any more, unless it runs.
    async fn clear_stray(&self, id: ProcessId) {
        let directory = self.table.directory(&id);
        if let Ok(RunState::Running { pid }) = self.table.state(&id) {
            let directory = directory.display();
            tracing::error!(pid, %directory, "a process of weft's runs, but its record is damaged: end it yourself");
            return;
        }
        let netns = Path::new("/run/netns").join(netns_name(&id));
        let removed = tokio::task::spawn_blocking(move || weft_process::remove(&directory, &netns)).await;
        let gone = self.host.delete_netns(&netns_name(&id)).await;
        if !matches!((removed, gone), (Ok(Ok(())), Ok(()))) {
            tracing::warn!(process = id.short(), "cannot remove what is left of a process");
        }
    }

    /// Follows a process to its end, and takes it off its networks then.
    fn watch(self: &Arc<Self>, process: Arc<ProcessRecord>) {
        let own = Arc::clone(self);
        tokio::spawn(async move {
            own.ended(&process.id).await;
            own.clear(&process, process.remove).await;
        });
    }

    async fn ended(&self, id: &ProcessId) {
        let directory = self.table.directory(id);
        let mut pause = FIRST_PAUSE;
        loop {
            match weft_process::wait_handle(&directory) {
                Ok(Some(ended)) => {
                    if ended.wait().await.is_ok() {
                        return;
                    }
                }
                Ok(None) => return,
                // Its shim is a few instructions old.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
                Err(error) => tracing::warn!(process = id.short(), %error, "cannot watch a process"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes what has ended off its networks; forgets it, too, if it is to be, or never began.
    async fn clear(&self, process: &ProcessRecord, forget: bool) {
        // Nothing puts it on another network now, and a join that had begun has ended.
        let _nobody_joins = self.endpoints.lock(&process.netns()).await;
        let state = self.table.state(&process.id);
        let code = if let Ok(RunState::Exited { code, .. }) = state { code } else { None };
        let endpoints = self.endpoints.here();
        let own: Vec<EndpointId> = endpoints
            .iter()
            .filter(|(_, e)| e.owner == Owner::Process(process.id))
            .map(|(id, _)| *id)
            .collect();
        for id in own {
            if let Err(error) = self.endpoints.leave(id).await {
                tracing::warn!(process = %process.name, %error, "cannot take an ended process off its network yet");
            }
        }
        self.clear_session(&process.id);
        if let Err(error) = self.host.delete_netns(&process.netns_name()).await {
            tracing::warn!(process = %process.name, %error, "cannot remove the namespace of an ended process");
        }
        self.table.set_over(&process.id, code);
        let begun = matches!(state, Ok(RunState::Exited { .. }));
        if (forget || !begun)
            && let Err(error) = self.forget(process).await
        {
            tracing::warn!(process = %process.name, %error, "cannot forget an ended process");
        }
        tracing::info!(process = %process.name, "ended");
    }

    async fn forget(&self, process: &ProcessRecord) -> Result<(), Error> {
        let (directory, netns) = (self.table.directory(&process.id), process.netns());
        tokio::task::spawn_blocking(move || weft_process::remove(&directory, &netns))
            .await
            .map_err(|error| Error::internal("removing the process", error))?
            .map_err(|error| Error::internal("cannot remove what the process left", error))?;
        self.table.forget(&process.id)
    }

    pub(super) async fn stop_process(&self, name: &str, grace: Duration) -> Result<(), Error> {
        let process = self.table.find(name)?;
        let directory = self.table.directory(&process.id);
        if matches!(self.settled(&process).await?, RunState::Running { .. }) {
            weft_process::signal(&directory, Signal::TERM)
                .map_err(|error| Error::internal("cannot stop the process", error))?;
            if timeout(grace, self.table.over(&process.id)).await.is_ok() {
                return Ok(());
            }
            weft_process::kill(&directory).map_err(|e| Error::internal("cannot kill the process", e))?;
        }
        self.until_over(&process).await
    }

    /// How a process is, once it has been started or has not.
    async fn settled(&self, process: &ProcessRecord) -> Result<RunState, Error> {
        let settled = timeout(START_PATIENCE, async {
            self.table.begun(&process.id).await;
            loop {
                match self.table.state(&process.id)? {
                    // By an earlier agent: its shim is a few instructions old.
                    RunState::Starting => sleep(FIRST_PAUSE).await,
                    state => return Ok(state),
                }
            }
        });
        let stuck = || {
            let (name, log) = (&process.name, self.table.directory(&process.id).join("shim.log"));
            Error::new(
                Kind::Internal,
                format!("process {name} is still being started: see {}", log.display()),
            )
        };
        settled.await.unwrap_or_else(|_| Err(stuck()))
    }

    /// Waits for a process that was killed.
    async fn until_over(&self, process: &ProcessRecord) -> Result<(), Error> {
        let over = timeout(END_PATIENCE, self.table.over(&process.id)).await;
        over.map(drop).map_err(|_| {
            let message = format!(
                "process {} was killed, and has not ended within {END_PATIENCE:?}: it waits for a device or a \
                 file system",
                process.name
            );
            Error::new(Kind::Internal, message)
        })
    }

    pub(super) async fn remove_one(&self, name: &str, force: bool) -> Result<(), Error> {
        let process = self.table.find(name)?;
        if matches!(self.settled(&process).await?, RunState::Running { .. }) {
            if !force {
                return Err(ProcessRefusal::Running(process.name.clone()).into());
            }
            let directory = self.table.directory(&process.id);
            weft_process::kill(&directory).map_err(|e| Error::internal("cannot kill the process", e))?;
        }
        self.until_over(&process).await?;
        if self.table.contains(&process.id) { self.forget(&process).await } else { Ok(()) }
    }

    pub(super) async fn exit_status(&self, name: &str) -> Result<Option<i32>, Error> {
        match (self.table.find(name), self.table.forgotten(name)) {
            (Ok(process), _) => Ok(self.table.over(&process.id).await),
            (Err(_), Some(code)) => Ok(code),
            (Err(refusal), None) => Err(refusal.into()),
        }
    }

    /// What a process has on a network.
    pub(super) fn endpoint_of(
        &self,
        process: &ProcessId,
        network: weft_model::NetworkId,
    ) -> Option<EndpointId> {
        let endpoints = self.endpoints.here();
        let is_its =
            |local: &LocalEndpoint| local.owner == Owner::Process(*process) && local.network_id == network;
        endpoints.iter().find(|(_, local)| is_its(local)).map(|(id, _)| *id)
    }

    pub(super) fn directory_of(&self, name: &str) -> Result<PathBuf, Error> {
        Ok(self.table.directory(&self.table.find(name)?.id))
    }

    pub(super) fn process_views(&self) -> Vec<Process> {
        self.table.all().iter().filter_map(|process| self.process_view(process).ok()).collect()
    }

    pub(super) fn process(&self, name: &str) -> Result<Process, Error> {
        self.process_view(&*self.table.find(name)?)
    }

    fn process_view(&self, process: &ProcessRecord) -> Result<Process, Error> {
        let endpoints = self.endpoints.here();
        let state = match self.table.state(&process.id)? {
            RunState::Running { pid } => ProcessState::Running { pid },
            RunState::Exited { code, at } => ProcessState::Exited { code, at },
            RunState::Starting | RunState::NotStarted => {
                return Err(ProcessRefusal::NotStarted(process.name.clone()).into());
            }
        };
        Ok(Process {
            id: process.id,
            name: process.name.clone(),
            command: process.command.clone(),
            created: process.created,
            state,
            ports: process.ports.clone(),
            netns: process.netns(),
            networks: endpoints
                .values()
                .filter(|local| local.owner == Owner::Process(process.id))
                .map(|local| (local.network.name.clone(), local.endpoint.addresses().collect()))
                .collect(),
        })
    }
}
