//! What a client has of the input and output of a process that it starts.

use super::Processes;
use std::{os::unix::fs::MetadataExt, path::PathBuf};
use weft_model::ProcessId;
use weft_verbs::{Error, Session};

impl Processes {
    /// The session that a client is to have. Who may come to the agent's socket may come to this one.
    pub(super) fn session(&self, id: &ProcessId, wanted: Session) -> Result<weft_process::Session, Error> {
        let agent = std::fs::metadata(&self.config.socket);
        let agent = agent.map_err(|error| Error::internal("cannot look at the agent's socket", error))?;
        Ok(weft_process::Session {
            socket: self.session_socket(id),
            group: agent.gid(),
            stdin: wanted.stdin,
            terminal: wanted.terminal,
        })
    }

    /// Takes away what only a shim leaves that was killed.
    pub(super) fn clear_session(&self, id: &ProcessId) {
        let _ = std::fs::remove_file(self.session_socket(id));
    }

    fn session_socket(&self, id: &ProcessId) -> PathBuf {
        weft_process::session::socket(&self.config.socket, &id.to_string())
    }
}
