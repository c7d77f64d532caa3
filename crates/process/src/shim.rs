//! `weft shim`: the process that looks after one `weft run`.
//!
//! It has one thread and no runtime, waits in one `poll`, and needs nobody. It is executed twice: first as
//! the shim, by [`start`](fn@crate::start); then, by the shim, as a second stage that becomes the command
//! (`launch`).

mod door;
mod etc;
mod launch;
mod log;
mod mounts;
mod namespaces;
mod run;
mod session;
mod stdio;
mod streams;

use crate::{
    error::ShimFailure,
    files::{self, Exit, SPEC, STARTED, Started},
    spec::Spec,
};
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use serde::{Deserialize, Serialize};
use std::{io::Write, path::Path, process::ExitCode};

/// What the shim tells the agent, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ShimReport {
    /// The command runs.
    Started { pid: u32 },
    /// It does not, and nothing is left.
    Failed(ShimFailure),
}

/// The whole of `weft shim --dir DIR`. To be called before anything starts a thread. Not for people: it
/// expects the descriptors that [`start`](fn@crate::start) gives it.
pub fn main(dir: &Path) -> ExitCode {
    if launch::is_second_stage() {
        return launch::main();
    }
    match shim(dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Goes to shim.log, or to the terminal where the shim was tried out.
            let _ = writeln!(std::io::stderr(), "weft shim: {}", failure.message);
            ExitCode::FAILURE
        }
    }
}

fn shim(dir: &Path) -> Result<(), ShimFailure> {
    let (lock, mut agent) = stdio::take(dir)?;
    // Everything from here on is relative to the directory: a mount of the process's may hide its path.
    let here = Path::new(".");
    let started = prepare(here).and_then(|running| {
        let pid = running.pid();
        files::write_json(here, STARTED, &Started { pid })
            .map_err(ShimFailure::because("write started.json"))?;
        Ok(running)
    });
    let (report, outcome) = match started {
        Ok(running) => (ShimReport::Started { pid: running.pid() }, Ok(running)),
        Err(failure) => (ShimReport::Failed(failure.clone()), Err(failure)),
    };
    // An agent that is gone by now hears of it from the files.
    let _ = agent.write_all(&serde_json::to_vec(&report).unwrap_or_default());
    drop(agent);
    let (code, session) = outcome?.watch()?;
    let exit = Exit { code, at: jiff::Timestamp::now() };
    files::write_json(here, files::EXIT, &exit).map_err(ShimFailure::because("write exit.json"))?;
    if let Some(session) = session {
        session.finish(code);
    }
    drop(lock);
    Ok(())
}

fn prepare(here: &Path) -> Result<run::Running, ShimFailure> {
    let spec: Spec = files::read_json(here, SPEC)
        .map_err(ShimFailure::because("read spec.json"))?
        .ok_or_else(|| ShimFailure::new("there is no spec.json"))?;
    limit_open_files(&spec).map_err(ShimFailure::because("limit the number of open files"))?;
    let network = namespaces::enter(&spec)?;
    let door = spec.session.as_ref().map(door::Door::open).transpose()?;
    let etc = mounts::apply(&spec)?;
    run::Running::start(&spec, network, etc, door)
}

/// The agent has raised its own.
fn limit_open_files(spec: &Spec) -> Result<(), Errno> {
    let Some(wanted) = spec.open_files else { return Ok(()) };
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(maximum.map_or(wanted, |maximum| wanted.min(maximum)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum })
}
