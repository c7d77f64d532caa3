//! An agent that is started with another data directory than the one before, by a typing error say: to it, all that runs
//! on this host's networks would be left over from nobody.

use crate::{
    RunError,
    core::in_use,
    host::{LinuxHost, OnlyAgent},
    processes::ProcessTable,
    underlay::Underlay,
};
use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};
use tokio::sync::watch;
use weft_model::chain;
use weft_state::{
    data_dir::NODE,
    journal::{Journal, JournalError},
};

/// Refuses to use `data_dir` while what the last agent of this host kept elsewhere is in use. Nothing was changed then.
///
/// # Errors
/// That, or why it cannot be told.
pub(crate) fn refuse(only: &OnlyAgent, data_dir: &Path) -> Result<(), RunError> {
    let Some(last) = only.last_data_dir() else { return Ok(()) };
    if is_same(&last, data_dir) || !last.join(NODE).exists() {
        return Ok(());
    }
    let used = used(&last).map_err(|error| RunError::Start(chain(&error)))?;
    let (last, this) = (last.display(), data_dir.display());
    used.map_or(Ok(()), |used| {
        Err(RunError::Start(format!(
            "this is not the data directory that this host's agent had: {last}, and not {this}. What is told there is in use: \
             {used}. Nothing was changed, and it goes on. Put --data-dir right; if {this} is, end that first"
        )))
    })
}

/// Whether both are one directory, or one node: whether that was moved or copied is found out by its fingerprint.
fn is_same(last: &Path, data_dir: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let node = |path: &Path| {
        let saved: serde_json::Value = serde_json::from_slice(&fs::read(path.join(NODE)).ok()?).ok()?;
        saved.get("id").cloned()
    };
    real(last) == real(data_dir) || node(last).is_some_and(|last| node(data_dir) == Some(last))
}

/// What of that which a data directory tells is in use on this host.
fn used(data_dir: &Path) -> Result<Option<String>, JournalError> {
    let (journal, processes) = (Journal::open(data_dir)?, ProcessTable::open(data_dir)?);
    Ok(in_use(&journal, &processes, &nowhere()))
}

/// This host, wherever it is.
pub(crate) fn nowhere() -> LinuxHost {
    LinuxHost::new(watch::Sender::new(Underlay::at(Ipv4Addr::LOCALHOST.into())))
}
