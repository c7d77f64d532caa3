//! A session: a client's input goes to a process, and its output comes back, as with `docker run -it`.
//!
//! The shim holds it, on a socket of its own, so that an agent that stops, is killed or upgraded does not end it. The
//! socket is beside the agent's, and has its group: who may start processes may also speak with them. It takes one
//! client, the one that started the process, and is gone from then on. What is said on it is a row of [`Frame`]s.

mod frame;

pub use frame::{Frame, Frames, Nonsense};

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a process is to have of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Where the client comes to: [`socket`].
    pub socket: PathBuf,
    /// The group whose members may, besides root.
    pub group: u32,
    /// Whether the client's input is the command's standard input; otherwise that is empty.
    pub stdin: bool,
    /// The rows and columns of the command's terminal; none: it has no terminal.
    pub terminal: Option<(u16, u16)>,
}

/// The socket of the session of the process `id`, of an agent that answers on `agent`.
pub fn socket(agent: &Path, id: &str) -> PathBuf {
    agent.with_file_name(format!("run-{}.sock", id.get(..12).unwrap_or(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_beside_the_agents() {
        let agent = Path::new("/run/weft/weft.sock");
        assert_eq!(socket(agent, "0123456789abcdef"), Path::new("/run/weft/run-0123456789ab.sock"));
        assert_eq!(socket(agent, "0123"), Path::new("/run/weft/run-0123.sock"));
    }
}
