//! What went wrong.

use std::{fmt, time::Duration};
use weft_plan::Step;

/// Why the kernel could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DatapathError {
    /// The kernel refused a request.
    #[error("cannot read the state of {what}")]
    Kernel {
        /// What was being read.
        what: String,
        /// Why.
        #[source]
        source: weft_netlink::NetlinkError,
    },
    /// A network namespace could not be used.
    #[error("cannot look at the network namespaces of this host")]
    Namespace(#[source] Box<weft_netlink::NamespaceError>),
    /// It took too long.
    #[error("the kernel did not answer within {0:?}: another program may be holding its network lock")]
    Timeout(Duration),
    /// A thread could not be started, or died.
    #[error("cannot run a thread for the kernel's network state")]
    Thread(#[source] std::io::Error),
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Report {
    /// Steps taken.
    pub done: usize,
    /// Steps that failed.
    pub failures: Vec<Failure>,
    /// Steps not taken, since what they need is missing because of a failure.
    pub skipped: usize,
}

impl Report {
    /// Whether every step was taken.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.skipped == 0
    }
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// Why, with the whole chain of causes.
    pub error: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.error)
    }
}
