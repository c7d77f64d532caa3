//! Where the agent, or the engine, is.

use serde::Deserialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The socket of an agent or an engine on this host: `unix:///run/weft/weft.sock`, or its path alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct UnixSocket(PathBuf);

/// Why a text is not a [`UnixSocket`].
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a socket: expected unix:///PATH, as unix:///run/weft/weft.sock")]
pub(crate) struct InvalidUnixSocket(String);

impl UnixSocket {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for UnixSocket {
    fn default() -> Self {
        Self(PathBuf::from("/run/weft/weft.sock"))
    }
}

impl FromStr for UnixSocket {
    type Err = InvalidUnixSocket;
    fn from_str(text: &str) -> Result<Self, InvalidUnixSocket> {
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if path.starts_with('/') && !path.ends_with('/') && !path.contains('\0') {
            return Ok(Self(PathBuf::from(path)));
        }
        Err(InvalidUnixSocket(text.chars().take(100).collect()))
    }
}

impl TryFrom<String> for UnixSocket {
    type Error = InvalidUnixSocket;
    fn try_from(text: String) -> Result<Self, InvalidUnixSocket> {
        text.parse()
    }
}

impl fmt::Display for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_path() {
        for text in ["unix:///a/b.sock", "/a/b.sock"] {
            assert_eq!(text.parse::<UnixSocket>().unwrap().path(), Path::new("/a/b.sock"));
        }
        for bad in ["", "tcp://127.0.0.1:2375", "unix://", "unix://a.sock", "a.sock", "/", "/a/"] {
            assert!(bad.parse::<UnixSocket>().is_err(), "{bad}");
        }
    }
}
