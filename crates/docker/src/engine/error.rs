//! What can go wrong between weft and an engine.

use super::ApiVersion;
use std::{io, path::PathBuf, time::Duration};

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nobody there, or not for us.
    #[error("cannot connect to the engine at {socket} (is dockerd running, and is this its socket?)")]
    Connect {
        /// The engine's socket.
        socket: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It went away in the middle.
    #[error("the connection to the engine at {socket} broke during {request}")]
    Lost {
        /// The engine's socket.
        socket: PathBuf,
        /// What was asked.
        request: String,
        /// Why.
        source: hyper::Error,
    },
    /// It does not answer.
    #[error("the engine at {socket} did not answer {request} within {} s", waited.as_secs())]
    Late {
        /// The engine's socket.
        socket: PathBuf,
        /// What was asked.
        request: String,
        /// For how long it was waited.
        waited: Duration,
    },
    /// It said no.
    #[error("the engine refused {request}: {message}")]
    Refused {
        /// What was asked.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// It said more than is ever read.
    #[error("the engine's answer to {request} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked.
        request: String,
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// The engine's answer is not valid.
    #[error("the engine's answer to {request} cannot be understood: {why}")]
    Nonsense {
        /// What was asked.
        request: String,
        /// What is wrong with it.
        why: String,
    },
    /// It does not speak a version of the API that weft speaks.
    #[error(
        "the engine speaks versions {oldest} to {newest} of its API, weft {} to {}: it needs Docker 20.10 or later, or a later weft",
        ApiVersion::OLDEST,
        ApiVersion::NEWEST
    )]
    Version {
        /// The oldest it speaks.
        oldest: String,
        /// The newest it speaks.
        newest: String,
    },
    /// The request could not even be written.
    #[error("cannot ask the engine for {request}")]
    Request {
        /// What was to be asked.
        request: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EngineError {
    /// Whether the engine says that it does not have the thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the engine says that the thing is in use, or exists already.
    pub fn is_conflict(&self) -> bool {
        // Networks in use are refused with 403, names that are taken with 409.
        matches!(self, Self::Refused { status: 403 | 409, .. })
    }
}
