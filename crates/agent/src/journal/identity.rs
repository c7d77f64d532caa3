//! Who this node is.

use super::{
    JournalError,
    file::{make_private_dir, read_json, write_json_durably},
};
use crate::env::Env;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use weft_model::NodeId;
use weft_store::SessionId;

/// What the file says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    id: NodeId,
    session: Option<SessionId>,
    /// See [`Identity::was_given_up`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    given_up: bool,
}

/// The installation this data directory belongs to, and the session it holds. While it lives, no other agent
/// can use the directory.
pub(crate) struct Identity {
    path: PathBuf,
    saved: Mutex<Saved>,
    _lock: File,
}

impl Identity {
    /// Reads who this node is, or decides it the first time.
    ///
    /// # Errors
    /// If the directory cannot be used, another agent uses it, or the file in it makes no sense: a node that
    /// forgot who it is must not guess.
    pub(crate) fn open(data_dir: &Path, env: &Env) -> Result<Self, JournalError> {
        make_private_dir(data_dir).map_err(JournalError::new("cannot make the data directory", data_dir))?;
        let lock = lock(data_dir)?;
        let path = data_dir.join("node.json");
        let saved = read_json(&path).map_err(JournalError::new("cannot read", &path))?;
        let saved = match saved {
            Some(saved) => saved,
            None => {
                let saved =
                    Saved { id: env.random(|rng| NodeId::random(rng)), session: None, given_up: false };
                write_json_durably(&path, &saved).map_err(JournalError::new("cannot write", &path))?;
                saved
            }
        };
        Ok(Self { path, saved: Mutex::new(saved), _lock: lock })
    }

    /// The installation.
    pub(crate) fn id(&self) -> NodeId {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).id
    }

    /// The session held last; it may have ended.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).session.clone()
    }

    /// Remembers a session, so that the agent goes on with it after a restart. If that fails, the restart
    /// opens a new one, and takes the old one's place.
    pub(crate) fn set_session(&self, session: Option<SessionId>) {
        self.change(|saved| saved.session = session);
    }

    /// Whether the cluster had given this node up when it joined, and what it has was not compared since: it may be
    /// others' by now.
    pub(crate) fn was_given_up(&self) -> bool {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).given_up
    }

    /// Notes that it was, or that everything was compared.
    pub(crate) fn set_given_up(&self, given_up: bool) {
        if self.was_given_up() != given_up {
            self.change(|saved| saved.given_up = given_up);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Saved)) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut saved);
        if let Err(error) = write_json_durably(&self.path, &*saved) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remember how this node is in the cluster");
        }
    }
}

fn lock(data_dir: &Path) -> Result<File, JournalError> {
    let path = data_dir.join("lock");
    let file = match File::options().create(true).truncate(false).write(true).open(&path) {
        // To go on with what there is takes no writing, and a file can be locked in any case (flock(2)).
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(&path),
        opened => opened,
    };
    let file = file.map_err(JournalError::new("cannot open", &path))?;
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
