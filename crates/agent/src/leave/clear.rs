//! What a host has of weft's: devices, namespaces and rules, told by their names and marks, and processes.

use crate::{
    host::Host,
    orphans,
    processes::{ProcessTable, netns_name},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use weft_datapath::Datapath;
use weft_model::ProcessId;
use weft_plan::{Desired, plan};
use weft_process::{RunState, Signal};
use weft_verbs::{Error, Kind};

/// How often to try to clear the kernel, which may be removing something still.
const ATTEMPTS: u32 = 5;
/// The pause in between, longer each time.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// Removes all that is this host's agent's from the kernel.
///
/// # Errors
/// What stays, and why.
pub(super) async fn kernel(datapath: &dyn Datapath) -> Result<(), Error> {
    let nothing = Desired::default();
    let mut why = None;
    for attempt in 1..=ATTEMPTS {
        let observed = datapath.observe(&nothing).await;
        let observed = observed.map_err(|error| Error::internal("cannot look at the kernel", error))?;
        let plan = plan(&nothing, &observed);
        if plan.steps.is_empty() {
            return Ok(());
        }
        let report = datapath.apply(&plan).await;
        why = report.failures.first().map(|failure| format!("{}: {}", failure.step, failure.error));
        if why.is_some() {
            sleep(PAUSE * attempt).await;
        }
    }
    let why = why.unwrap_or_else(|| "something makes it again".to_owned());
    Err(Error::new(Kind::Internal, format!("what weft made on this host cannot be removed: {why}")))
}

/// Ends the processes of `weft run`, each with all that is in its namespace, and forgets them.
///
/// # Errors
/// If something of one cannot be ended, or removed.
pub(super) async fn processes(processes: &ProcessTable, host: &dyn Host) -> Result<(), Error> {
    let known = processes.all();
    for id in known.iter().map(|process| process.id).chain(processes.strays()?) {
        let directory = processes.directory(&id);
        end(&id, directory).await?;
        host.delete_netns(&netns_name(&id)).await?;
        processes.forget(&id)?;
    }
    orphans::clear(orphans::find(processes, host).await?, host).await
}

async fn end(id: &ProcessId, directory: PathBuf) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::internal(&format!("process {} cannot be ended and removed", id.short()), error)
    };
    if directory.exists() {
        weft_process::signal(&directory, Signal::TERM).map_err(failed)?;
    }
    let deadline = Instant::now() + GRACE;
    while matches!(weft_process::state(&directory), Ok(RunState::Running { .. })) && Instant::now() < deadline
    {
        sleep(LOOK).await;
    }
    let netns = Path::new("/run/netns").join(netns_name(id));
    let removed = tokio::task::spawn_blocking(move || weft_process::remove(&directory, &netns));
    removed.await.map_err(|error| Error::internal("removing a process", error))?.map_err(failed)
}
