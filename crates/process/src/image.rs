//! Becoming a command.

use crate::error::ShimFailure;
use std::{
    collections::BTreeMap,
    env,
    io::{self, ErrorKind},
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
};

/// Replaces this process by `command`, with exactly this environment. Returns only on failure, with the exit
/// status a shell gives: 127 if there is no such command, 126 if it cannot be executed.
pub(crate) fn replace(command: &[String], env: &BTreeMap<String, String>, workdir: &Path) -> ShimFailure {
    let Some((program, arguments)) = command.split_first() else {
        return ShimFailure::new("there is no command to run");
    };
    if let Err(error) = env::set_current_dir(workdir) {
        return ShimFailure::because(format!("start in the directory {}", workdir.display()))(error);
    }
    // `exec` looks the program up in the new environment's PATH, and gives back the signals that Rust's
    // runtime ignores.
    let error = Command::new(program).args(arguments).env_clear().envs(env).exec();
    explain(program, &error)
}

fn explain(program: &str, error: &io::Error) -> ShimFailure {
    let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
    let why = match error.kind() {
        ErrorKind::NotFound if !program.contains('/') => "no such command in its PATH".to_owned(),
        ErrorKind::NotFound if Path::new(program).exists() => {
            "the interpreter it names is missing".to_owned()
        }
        _ => error.to_string(),
    };
    ShimFailure { code, message: format!("cannot execute {program:?}: {why}") }
}
