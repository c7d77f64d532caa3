//! Carrying out what mends something.

use super::{finding::CommandLine, look::program};
use serde::Serialize;

/// A command that was run.
#[derive(Debug, Serialize)]
pub(super) struct Applied {
    pub(super) command: CommandLine,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// Runs a command to its end.
pub(super) async fn run(command: &CommandLine) -> Applied {
    let words: Vec<&str> = command.0.iter().map(String::as_str).collect();
    let error = match words.split_first() {
        Some((name, arguments)) => {
            program::output(name, arguments).await.err().map(|error| error.to_string())
        }
        None => None,
    };
    Applied { command: command.clone(), error }
}
