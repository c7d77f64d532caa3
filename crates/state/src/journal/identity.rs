//! This node's identity.

use super::{
    JournalError,
    file::{make_private_dir, read_json, write_json_durably},
};
use crate::{
    data_dir,
    env::Env,
    fingerprint::{DirectoryMove, Fingerprint},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use weft_model::{Incarnation, Liveness, NodeId};
use weft_store::SessionId;

/// How many earlier runs are remembered: a store that was brought back from a backup may show one of them.
const RUNS: usize = 16;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    id: NodeId,
    session: Option<SessionId>,
    /// See [`Identity::was_given_up`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    given_up: bool,
    /// Where the directory was when the node was last in the cluster; absent if that version did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    /// The runs that were in the cluster, the last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Incarnation>,
}

impl Saved {
    fn new(env: &Env, fingerprint: Fingerprint) -> Self {
        let id = env.random(|rng| NodeId::random(rng));
        Self { id, session: None, given_up: false, fingerprint: Some(fingerprint), runs: Vec::new() }
    }
}

/// The installation this data directory belongs to, and the session it holds. While it lives, no other agent
/// can use the directory.
pub struct Identity {
    path: PathBuf,
    saved: Mutex<Saved>,
    fingerprint: Fingerprint,
    moved: DirectoryMove,
    incarnation: Incarnation,
    _lock: File,
}

impl Identity {
    /// Reads this node's identity, or makes one the first time. `look` tells where the file it is given is.
    ///
    /// # Errors
    /// If the directory cannot be used, another agent uses it, or the file in it is not valid: a node that forgot its
    /// identity must not guess.
    pub fn open(
        data_dir: &Path,
        env: &Env,
        look: impl FnOnce(&Path) -> Fingerprint,
    ) -> Result<Self, JournalError> {
        make_private_dir(data_dir).map_err(JournalError::new("cannot make the data directory", data_dir))?;
        if let Some(mode) = open_to_others(data_dir) {
            tracing::warn!(
                path = %data_dir.display(), mode,
                "others than its owner may enter the data directory: `chmod 700` it, unless they are to",
            );
        }
        let lock = lock(data_dir)?;
        let fingerprint = look(&data_dir.join(data_dir::LOCK));
        let path = data_dir.join(data_dir::NODE);
        let saved = read_json(&path).map_err(JournalError::new("cannot read", &path))?;
        let saved: Saved = match saved {
            Some(saved) => saved,
            None => {
                let saved = Saved::new(env, fingerprint.clone());
                write_json_durably(&path, &saved).map_err(JournalError::new("cannot write", &path))?;
                saved
            }
        };
        let moved =
            saved.fingerprint.as_ref().map_or(DirectoryMove::No, |before| fingerprint.moved_since(before));
        let incarnation = env.random(|rng| Incarnation::random(rng));
        Ok(Self { path, saved: Mutex::new(saved), fingerprint, moved, incarnation, _lock: lock })
    }

    /// The installation in `data_dir`, which an agent may be using; nothing if there is none yet.
    ///
    /// # Errors
    /// If the file cannot be read, or is not valid.
    pub fn saved_in(data_dir: &Path) -> Result<Option<NodeId>, JournalError> {
        let path = data_dir.join(data_dir::NODE);
        let saved: Option<Saved> = read_json(&path).map_err(JournalError::new("cannot read", &path))?;
        Ok(saved.map(|saved| saved.id))
    }

    /// The installation.
    pub fn id(&self) -> NodeId {
        self.lock().id
    }

    /// This run.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether the data directory is where it was when the node was last in the cluster.
    pub fn moved(&self) -> &DirectoryMove {
        &self.moved
    }

    /// Whether `live` was written by this run, or by an earlier one where there can be no other.
    pub fn wrote(&self, live: &Liveness) -> bool {
        let saved = self.lock();
        let (in_already, known) = (saved.runs.contains(&self.incarnation), |run| saved.runs.contains(&run));
        live.id == saved.id
            && match live.incarnation {
                Some(run) => {
                    run == self.incarnation || (in_already || self.moved == DirectoryMove::No) && known(run)
                }
                // Of a version without runs, which this one takes over from.
                None => !in_already && self.moved == DirectoryMove::No,
            }
    }

    /// Notes that this run is the node's, and where: before it says so in the store. If that fails, the next run is
    /// mistaken for another's, and waits until this one is gone.
    pub fn settle(&self) {
        if !self.is_settled() {
            self.change(|saved| {
                saved.fingerprint = Some(self.fingerprint.clone());
                saved.runs.push(self.incarnation);
                let surplus = saved.runs.len().saturating_sub(RUNS);
                saved.runs.drain(..surplus);
            });
        }
    }

    /// Whether this run was in the cluster already.
    pub fn is_settled(&self) -> bool {
        self.lock().runs.contains(&self.incarnation)
    }

    /// Becomes another node, which never was in a cluster.
    pub fn become_another(&self, env: &Env) {
        let new = Saved::new(env, self.fingerprint.clone());
        self.change(|saved| *saved = new);
    }

    /// The session held last; it may have ended.
    pub fn session(&self) -> Option<SessionId> {
        self.lock().session.clone()
    }

    /// Remembers a session, so that the agent goes on with it after a restart. If that fails, the restart
    /// opens a new one, and takes the old one's place.
    pub fn set_session(&self, session: Option<SessionId>) {
        self.change(|saved| saved.session = session);
    }

    /// Whether the cluster had given this node up when it joined, and what it has was not compared since: it may be
    /// others' by now.
    pub fn was_given_up(&self) -> bool {
        self.lock().given_up
    }

    /// Notes that it was, or that everything was compared.
    pub fn set_given_up(&self, given_up: bool) {
        if self.was_given_up() != given_up {
            self.change(|saved| saved.given_up = given_up);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Saved)) {
        let mut saved = self.lock();
        change(&mut saved);
        if let Err(error) = write_json_durably(&self.path, &*saved) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remember how this node is in the cluster");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permissions of the data directory, in octal, if others than its owner have any.
fn open_to_others(data_dir: &Path) -> Option<String> {
    let mode = fs::metadata(data_dir).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| format!("{mode:04o}"))
}

/// Has the data directory for itself until dropped.
///
/// # Errors
/// If an agent uses it, or it cannot be used.
pub fn lock(data_dir: &Path) -> Result<File, JournalError> {
    let path = data_dir.join(data_dir::LOCK);
    // Whoever can open a file can lock it, and keep the agent from its start.
    let mut options = File::options();
    let file = match options.create(true).truncate(false).write(true).mode(0o600).open(&path) {
        // To go on with what there is takes no writing, and a file can be locked in any case (flock(2)).
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(&path),
        opened => opened,
    };
    let file = file.map_err(JournalError::new("cannot open", &path))?;
    // 0.1.0 made it readable for all. What cannot be changed is not worse than it was.
    let _ = file.set_permissions(Permissions::from_mode(0o600));
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => JournalError {
            doing: "another agent uses this data directory; stop it, or choose another with --data-dir:",
            path: data_dir.to_owned(),
            source: io::Error::new(io::ErrorKind::WouldBlock, "its file `lock` is held"),
        },
        std::fs::TryLockError::Error(source) => JournalError { doing: "cannot lock", path, source },
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_lock_the_data_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(data_dir::LOCK);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        drop(lock(directory.path()).unwrap());
        assert_eq!(mode(&path), 0o600);
        // As 0.1.0 left it.
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        drop(lock(directory.path()).unwrap());
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        for (mode, noticed) in [(0o700, None), (0o755, Some("0755")), (0o710, Some("0710"))] {
            fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(directory.path()).as_deref(), noticed);
        }
    }
}
