//! What a node has logged of late.

use jiff::Timestamp;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is wrong, and somebody has to see to it.
    Error,
    /// Something is wrong, and is tried again.
    Warning,
    /// What happens.
    Info,
    /// How.
    Debug,
}

impl Severity {
    /// As `--log-level` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warn",
            Severity::Info => "info",
            Severity::Debug => "debug",
        }
    }
}

/// A warning or an error, which may have come more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedProblem {
    /// When it came first, in the row that it is in now.
    pub first: Timestamp,
    /// When it came last.
    pub last: Timestamp,
    /// How often.
    pub times: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub text: String,
}
