//! The processes of this node that `weft run` started: what they were started with, and whether they run.
//!
//! One JSON file a process beside the directory its shim keeps. The file comes first and goes last: all that a crash
//! leaves behind belongs to a process that is known.

mod refusal;

pub(crate) use refusal::ProcessRefusal;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use weft_model::{EndpointName, PortMapping, ProcessId};
use weft_process::RunState;
use weft_state::{
    data_dir,
    journal::{JournalError, file},
};
use weft_verbs::Error;

/// A process of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) id: ProcessId,
    pub(crate) name: EndpointName,
    pub(crate) command: Vec<String>,
    pub(crate) created: Timestamp,
    pub(crate) ports: Vec<PortMapping>,
    /// Forgotten when it ends.
    pub(crate) remove: bool,
}

impl ProcessRecord {
    /// The name of its network namespace.
    pub(crate) fn netns_name(&self) -> String {
        netns_name(&self.id)
    }

    /// The path of its network namespace.
    pub(crate) fn netns(&self) -> PathBuf {
        Path::new("/run/netns").join(self.netns_name())
    }
}

/// What the name of every process's network namespace begins with.
pub(crate) const NETNS_PREFIX: &str = "weft-run-";

/// The name of a process's network namespace.
pub(crate) fn netns_name(id: &ProcessId) -> String {
    format!("{NETNS_PREFIX}{}", id.short())
}

struct KnownProcess {
    record: Arc<ProcessRecord>,
    stage: watch::Sender<Stage>,
}

/// How far the agent is with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is being started, by this agent.
    Starting,
    /// It was started, or was not.
    Begun,
    /// It has ended, with this exit status if anybody saw it, and nothing of it is left on any network.
    Over(Option<i32>),
}

impl KnownProcess {
    fn is_over(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Over(_))
    }
}

/// All processes of this node.
pub(crate) struct ProcessTable {
    directory: PathBuf,
    all: Mutex<BTreeMap<ProcessId, KnownProcess>>,
    /// The exit statuses of the processes forgotten last, for a client that asks too late: a process may end, and be
    /// forgotten, before the client that started it asks.
    forgotten: Mutex<VecDeque<(ProcessId, Option<i32>)>>,
}

/// How many forgotten processes are remembered.
const FORGOTTEN: usize = 100;

impl ProcessTable {
    /// Reads what is known in `data_dir`.
    ///
    /// # Errors
    /// If the directory cannot be read or made.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, JournalError> {
        let directory = data_dir.join(data_dir::PROCESSES);
        file::make_private_dir(&directory).map_err(JournalError::new("cannot make", &directory))?;
        let known = |record: ProcessRecord| {
            (record.id, KnownProcess { record: Arc::new(record), stage: watch::channel(Stage::Begun).0 })
        };
        let all = file::read_all(&directory)?.into_iter().map(|(_, record)| known(record)).collect();
        Ok(Self { directory, all: Mutex::new(all), forgotten: Mutex::default() })
    }

    /// The processes whose records were damaged, and set aside: there are only their directories.
    ///
    /// # Errors
    /// If these cannot be read: then it is not known which process a namespace belongs to.
    pub(crate) fn strays(&self) -> Result<Vec<ProcessId>, Error> {
        let listing = std::fs::read_dir(&self.directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let failed = |error| {
            let what = format!(
                "cannot read {}, so it is not known whose processes run here",
                self.directory.display()
            );
            Error::internal(&what, error)
        };
        let listing = listing.map_err(failed)?;
        let names = listing.into_iter().filter_map(|item| item.file_name().to_str()?.parse().ok());
        Ok(names.filter(|id| !self.contains(id)).collect())
    }

    /// Whether a network namespace belongs to a process that something is known of, one of the `strays` among them.
    pub(crate) fn owns(&self, netns: &str, strays: &[ProcessId]) -> bool {
        self.lock().keys().chain(strays).any(|id| netns_name(id) == netns)
    }

    /// Where a process's shim keeps its files.
    pub(crate) fn directory(&self, id: &ProcessId) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// Adds a process that is about to be started.
    ///
    /// # Errors
    /// [`ProcessRefusal`] if its name, or a port of this host, is taken.
    pub(crate) fn add(&self, record: ProcessRecord) -> Result<Arc<ProcessRecord>, Error> {
        let mut all = self.lock();
        if let Some(other) = all.values().find(|known| known.record.name == record.name) {
            let (name, other) = (record.name, other.record.id);
            return Err(ProcessRefusal::NameInUse { name, other }.into());
        }
        if let Some(twice) = repeated(&record.ports) {
            return Err(ProcessRefusal::PortTwice(twice.host_port).into());
        }
        let running = all.values().filter(|known| !known.is_over());
        for (port, other) in running.flat_map(|known| known.record.ports.iter().map(|p| (p, &known.record))) {
            if let Some(clash) = record.ports.iter().find(|p| clash(p, port)) {
                let (port, by) = (clash.host_port, other.name.clone());
                return Err(ProcessRefusal::PortPublished { port, by }.into());
            }
        }
        let path = self.path(&record.id);
        file::write_json(&path, &record)
            .map_err(JournalError::new("cannot write", &path))
            .map_err(|error| Error::internal("the process was not started", error))?;
        let record = Arc::new(record);
        let known = KnownProcess { record: Arc::clone(&record), stage: watch::channel(Stage::Starting).0 };
        all.insert(record.id, known);
        Ok(record)
    }

    /// Forgets a process.
    pub(crate) fn forget(&self, id: &ProcessId) -> Result<(), Error> {
        let path = self.path(id);
        file::remove_file(&path)
            .map_err(JournalError::new("cannot remove", &path))
            .map_err(|error| Error::internal("the process stays", error))?;
        if let Some(known) = self.lock().remove(id) {
            let before = *known.stage.borrow();
            let code = if let Stage::Over(code) = before { code } else { None };
            let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            forgotten.push_back((*id, code));
            let surplus = forgotten.len().saturating_sub(FORGOTTEN);
            forgotten.drain(..surplus);
            known.stage.send_replace(Stage::Over(code));
        }
        Ok(())
    }

    /// The exit status of a process that was forgotten lately.
    pub(crate) fn forgotten(&self, id: &str) -> Option<Option<i32>> {
        let forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        forgotten.iter().find(|(known, _)| known.to_string() == id).map(|(_, code)| *code)
    }

    /// Says that a process was started, or will not be.
    pub(crate) fn set_begun(&self, id: &ProcessId) {
        if let Some(known) = self.lock().get(id) {
            known.stage.send_replace(Stage::Begun);
        }
    }

    /// Returns when a process was started, or was not.
    pub(crate) async fn begun(&self, id: &ProcessId) {
        let stage = self.lock().get(id).map(|known| known.stage.subscribe());
        if let Some(mut stage) = stage {
            // An error means that it was forgotten.
            let _ = stage.wait_for(|stage| *stage != Stage::Starting).await;
        }
    }

    /// Says that a process has ended and nothing of it is left on any network.
    pub(crate) fn set_over(&self, id: &ProcessId, code: Option<i32>) {
        if let Some(known) = self.lock().get(id) {
            known.stage.send_replace(Stage::Over(code));
        }
    }

    /// Whether there is a process `id` that has not ended.
    pub(crate) fn is_alive(&self, id: &ProcessId) -> bool {
        self.lock().get(id).is_some_and(|known| !known.is_over())
    }

    /// Returns when the process has ended and nothing of it is left on any network: its exit status, if
    /// anybody saw it.
    pub(crate) async fn over(&self, id: &ProcessId) -> Option<i32> {
        let stage = self.lock().get(id).map(|known| known.stage.subscribe());
        let Some(mut stage) = stage else { return self.forgotten(&id.to_string()).flatten() };
        // The last value can be seen also when the process was forgotten.
        let _ = stage.wait_for(|stage| matches!(stage, Stage::Over(_))).await;
        let last = *stage.borrow();
        if let Stage::Over(code) = last { code } else { None }
    }

    /// All of them, in the order they were started.
    pub(crate) fn all(&self) -> Vec<Arc<ProcessRecord>> {
        let mut all: Vec<_> = self.lock().values().map(|known| Arc::clone(&known.record)).collect();
        all.sort_by_key(|record| record.created);
        all
    }

    /// Whether there is a process `id`.
    pub(crate) fn contains(&self, id: &ProcessId) -> bool {
        self.lock().contains_key(id)
    }

    /// The process called `name`: by its name, its id, or the start of its id.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<ProcessRecord>, ProcessRefusal> {
        let all = self.lock();
        if let Some(known) = all.values().find(|known| known.record.name.as_str() == name) {
            return Ok(Arc::clone(&known.record));
        }
        let mut starting =
            all.values().filter(|k| !name.is_empty() && k.record.id.to_string().starts_with(name));
        match (starting.next(), starting.next()) {
            (Some(known), None) => Ok(Arc::clone(&known.record)),
            (Some(_), Some(_)) => Err(ProcessRefusal::Ambiguous(name.to_owned())),
            (None, _) => Err(ProcessRefusal::NotFound(name.to_owned())),
        }
    }

    /// How a process is.
    pub(crate) fn state(&self, id: &ProcessId) -> Result<RunState, Error> {
        let directory = self.directory(id);
        weft_process::state(&directory)
            .map_err(|error| Error::internal("cannot tell how the process is", error))
    }

    /// Refuses a process that does not run.
    pub(crate) fn require_running(&self, record: &ProcessRecord) -> Result<u32, Error> {
        match self.state(&record.id)? {
            RunState::Running { pid } => Ok(pid),
            _ => Err(ProcessRefusal::NotRunning(record.name.clone()).into()),
        }
    }

    fn path(&self, id: &ProcessId) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProcessId, KnownProcess>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn repeated(ports: &[PortMapping]) -> Option<&PortMapping> {
    ports
        .iter()
        .enumerate()
        .find(|(n, port)| ports[..*n].iter().any(|other| clash(port, other)))
        .map(|(_, p)| p)
}

fn clash(a: &PortMapping, b: &PortMapping) -> bool {
    let everywhere = |ip: Option<std::net::IpAddr>| ip.is_none_or(|ip| ip.is_unspecified());
    a.host_port == b.host_port
        && a.protocol == b.protocol
        && (a.host_ip == b.host_ip || everywhere(a.host_ip) || everywhere(b.host_ip))
}

#[cfg(test)]
mod tests;
