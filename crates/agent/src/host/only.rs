//! One agent on each host: of two, each would take what the other made for leftovers.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};
use weft_netlink::{Namespace, NamespaceError};

/// Where the locks are, independent of the agents' sockets and data directories.
const DIRECTORY: &str = "/run/weft";
/// The longest path of a data directory (`PATH_MAX`, limits.h).
const LONGEST_PATH: u64 = 4096;

/// Held by the one agent of this host's network namespace; until dropped, or the agent dies.
#[derive(Debug)]
pub(crate) struct OnlyAgent {
    lock: File,
    path: PathBuf,
}

/// Why this cannot be the agent of this host.
#[derive(Debug, thiserror::Error)]
pub enum NotTheOnly {
    /// There is one.
    #[error("another agent runs on this host, and the two would remove each other's devices: stop it first")]
    Another,
    /// The kernel does not say which namespace this is.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The lock cannot be had.
    #[error("cannot lock {path}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl OnlyAgent {
    /// Becomes it.
    ///
    /// # Errors
    /// [`NotTheOnly::Another`], if there is one already.
    pub(crate) fn become_it() -> Result<Self, NotTheOnly> {
        Self::of(Path::new(DIRECTORY), Namespace::current()?.inode()?)
    }

    /// Where the agent before this one kept its data, if it said so since the machine was started: what is in the kernel
    /// is told there, and goes at the same time as this file.
    pub(crate) fn last_data_dir(&self) -> Option<PathBuf> {
        let mut path = Vec::new();
        File::open(&self.path).ok()?.take(LONGEST_PATH).read_to_end(&mut path).ok()?;
        Some(PathBuf::from(OsString::from_vec(path))).filter(|path| path.is_absolute())
    }

    /// Notes where this agent keeps its data. If that fails, the next agent is not told, and uses what it finds.
    pub(crate) fn note_data_dir(&mut self, data_dir: &Path) {
        let noted = self.lock.set_len(0).and_then(|()| self.lock.write_all(data_dir.as_os_str().as_bytes()));
        if let Err(error) = noted {
            tracing::warn!(path = %self.path.display(), %error, "cannot note where the data directory is");
        }
    }

    /// Ends it, and leaves no lock behind.
    pub(crate) fn leave(self) {
        // While the lock is held: an agent that has opened the file by now sees that it is not there any more.
        let _ = fs::remove_file(&self.path);
        drop(self.lock);
        // Where nothing else is in it.
        let _ = self.path.parent().map(fs::remove_dir);
    }

    fn of(directory: &Path, namespace: u64) -> Result<Self, NotTheOnly> {
        let path = directory.join(format!("net-{namespace}.lock"));
        let failed = |source| NotTheOnly::Lock { path: path.clone(), source };
        fs::create_dir_all(directory).map_err(failed)?;
        // Only root can open it: a process that can read a file can lock it.
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = open.map_err(failed)?;
        match lock.try_lock() {
            // An agent that left may have removed the file meanwhile.
            Ok(()) if !is_at(&lock, &path) => Err(NotTheOnly::Another),
            Ok(()) => Ok(Self { lock, path }),
            Err(TryLockError::WouldBlock) => Err(NotTheOnly::Another),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Whether the file at `path` is this one.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |found: io::Result<fs::Metadata>| found.map(|found| found.ino());
    inode(file.metadata()).ok().is_some_and(|own| inode(fs::metadata(path)).is_ok_and(|there| there == own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_each_namespace() {
        let directory = tempfile::tempdir().unwrap();
        let first = OnlyAgent::of(directory.path(), 7).unwrap();
        assert!(matches!(OnlyAgent::of(directory.path(), 7), Err(NotTheOnly::Another)));
        let _elsewhere = OnlyAgent::of(directory.path(), 8).unwrap();
        drop(first);
        OnlyAgent::of(directory.path(), 7).unwrap().leave();
        assert!(!directory.path().join("net-7.lock").exists());
        OnlyAgent::of(directory.path(), 7).unwrap();
    }

    #[test]
    fn the_next_one_hears_where_the_last_one_kept_its_data() {
        let directory = tempfile::tempdir().unwrap();
        let become_it = || OnlyAgent::of(directory.path(), 7).unwrap();
        assert_eq!(become_it().last_data_dir(), None);
        for data_dir in ["/var/lib/weft", "/srv"] {
            become_it().note_data_dir(Path::new(data_dir));
            assert_eq!(become_it().last_data_dir().as_deref(), Some(Path::new(data_dir)));
        }
        become_it().leave();
        assert_eq!(become_it().last_data_dir(), None);
    }
}
