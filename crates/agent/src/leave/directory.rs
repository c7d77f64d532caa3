//! The data directory of a node that is none any more.

use crate::config::embedded_store;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use weft_state::{
    data_dir::{
        CLUSTER, CREDENTIALS, ENDPOINTS, ENGINE, EVENTS, HOME, LOCK, NODE, OLDER_EVENTS, PROCESSES,
        cluster_logs,
    },
    journal::{JournalError, file::remove_file},
};

/// What a node keeps of itself and of what is on its networks, the identity last.
const OF_THE_NODE: [&str; 8] =
    [ENDPOINTS, PROCESSES, ENGINE, CLUSTER, EVENTS, OLDER_EVENTS, CREDENTIALS, NODE];
/// What ends the names of files that were half written, or made no sense.
const ASIDE: [&str; 2] = ["tmp", "unreadable"];

/// Removes what makes this host a node of a cluster. An embedded store stays, since it is the cluster's.
///
/// # Errors
/// The first that cannot be removed.
pub(super) fn forget_node(data_dir: &Path) -> Result<(), JournalError> {
    remove(&data_dir.join(HOME))?;
    forget_identity(data_dir)
}

/// Removes this host's identity, but not which cluster it is in.
///
/// # Errors
/// The first that cannot be removed.
pub(super) fn forget_identity(data_dir: &Path) -> Result<(), JournalError> {
    let logs = cluster_logs(data_dir).map_err(JournalError::new("cannot read", data_dir))?;
    logs.iter().try_for_each(remove)?;
    for name in OF_THE_NODE {
        let path = data_dir.join(name);
        ASIDE.iter().try_for_each(|ending| remove(&path.with_extension(ending)))?;
        remove(&path)?;
    }
    Ok(())
}

/// Removes everything of weft's, and the directory, if nothing else is in it.
///
/// # Errors
/// The first that cannot be removed.
pub(super) fn purge(data_dir: &Path) -> Result<(), JournalError> {
    forget_node(data_dir)?;
    remove(&embedded_store(data_dir))?;
    remove(&data_dir.join(LOCK))?;
    match fs::remove_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            tracing::warn!(path = %data_dir.display(), "something else is in the data directory; it stays");
            Ok(())
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::new("cannot remove", data_dir)(error))
        }
        _ => Ok(()),
    }
}

fn remove(path: &PathBuf) -> Result<(), JournalError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => remove_file(path),
    };
    removed.map_err(JournalError::new("cannot remove", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_model::Keyspace;
    use weft_state::{cluster::Cluster, memory::Memory};

    #[test]
    fn nothing_of_the_memory_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let (memory, _) = Memory::open(directory.path(), "embedded", &Keyspace::new("weft")).unwrap();
        memory.save(&Cluster::default()).unwrap();
        let log = cluster_logs(directory.path()).unwrap().remove(0);
        fs::write(log.with_file_name("cluster-1.log"), "of a crash").unwrap();
        fs::write(log.with_file_name("cluster.tmp"), "of a crash").unwrap();
        forget_identity(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        // It may be gone already.
        fs::remove_dir(directory.path()).unwrap();
        forget_identity(directory.path()).unwrap();
    }
}
