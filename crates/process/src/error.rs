//! Why a process was not started.

use crate::InvalidSpec;
use serde::{Deserialize, Serialize};
use std::{io, path::PathBuf, time::Duration};

/// Why a process was not started. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No host could start it.
    #[error(transparent)]
    Invalid(#[from] InvalidSpec),
    /// There was a process in this directory already; it was left as it is.
    #[error("{} belongs to another process", .0.display())]
    Taken(PathBuf),
    /// This host could not start it: no such command, no such directory, a mount that failed.
    #[error("{message}")]
    Refused {
        /// 127 if there is no such command, 126 if it cannot be executed, 125 for the rest, as Docker has it.
        code: i32,
        /// What failed, on what, why, and what to do.
        message: String,
    },
    /// The shim died on the way.
    #[error("weft's shim ended before it started the command{}", said(.0))]
    Lost(String),
    /// Something it waits for does not answer: a dead network file system, mostly.
    #[error(
        "the command was not started within {} s, so weft gave up: is one of its files on a network file \
         system that does not answer?",
        .0.as_secs()
    )]
    Deadline(Duration),
    /// This host's own trouble.
    #[error("cannot {doing}")]
    Io {
        /// What failed, and on what.
        doing: String,
        /// Why.
        source: io::Error,
    },
}

impl StartError {
    /// The exit status for a command line: Docker's 125, 126 and 127.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Refused { code, .. } => *code,
            _ => 125,
        }
    }

    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

fn said(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!("; it said: {}", stderr.trim()) }
}

/// What went wrong beyond the agent's sight, on its way to becoming [`StartError::Refused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShimFailure {
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl ShimFailure {
    /// A failure of weft or of this host, before the command's turn.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { code: 125, message: message.into() }
    }

    /// The same, with the kernel's reason.
    pub(crate) fn because<E: Into<io::Error>>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self::new(format!("cannot {doing}: {}", error.into()))
    }
}
