//! Why a process is not added, found or made use of.

use std::num::NonZeroU16;
use weft_model::{EndpointName, ProcessId};
use weft_verbs::{Error, Kind};

/// What is in the way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessRefusal {
    /// Another process is called so.
    #[error(
        "the name {name} is already in use by process {}; remove it with `weft rm {name}`, or choose another",
        other.short()
    )]
    NameInUse { name: EndpointName, other: ProcessId },
    /// The request names it twice.
    #[error("port {0} of this host is asked for twice")]
    PortTwice(NonZeroU16),
    /// Another process of ours has the port.
    #[error("port {port} of this host is published by {by}")]
    PortPublished { port: NonZeroU16, by: EndpointName },
    /// Several are meant.
    #[error("several process ids start with {0}")]
    Ambiguous(String),
    /// None is meant.
    #[error("process {0} not found on this host; `weft ps -a` lists all it has")]
    NotFound(String),
    /// Its start is not over.
    #[error("process {0} has not been started yet")]
    NotStarted(EndpointName),
    /// It has ended, or has not begun.
    #[error("process {0} is not running")]
    NotRunning(EndpointName),
    /// It would have to be ended first.
    #[error("process {0} is running: stop it with `weft stop {0}`, or use --force")]
    Running(EndpointName),
}

impl From<ProcessRefusal> for Error {
    fn from(refusal: ProcessRefusal) -> Self {
        use ProcessRefusal as Why;
        let kind = match refusal {
            Why::PortTwice(_) | Why::Ambiguous(_) => Kind::Invalid,
            Why::NotFound(_) => Kind::NotFound,
            Why::NameInUse { .. }
            | Why::PortPublished { .. }
            | Why::NotStarted(_)
            | Why::NotRunning(_)
            | Why::Running(_) => Kind::Conflict,
        };
        Self::new(kind, refusal.to_string())
    }
}
