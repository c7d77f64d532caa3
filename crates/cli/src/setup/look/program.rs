//! Asking other programs.

use std::{io, process::Stdio, time::Duration};
use tokio::process::Command;

/// How long a program may take. `systemctl enable --now` waits until the agent has started.
const DEADLINE: Duration = Duration::from_secs(90);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ProgramError {
    #[error("there is no program `{0}` on this host")]
    Absent(String),
    #[error("cannot run `{program}`")]
    Io { program: String, source: io::Error },
    #[error("`{program}` did not end within {} s", DEADLINE.as_secs())]
    Late { program: String },
    #[error("`{program}` failed ({status}): {said}")]
    Failed { program: String, status: std::process::ExitStatus, said: String },
}

/// What a program prints on its standard output.
pub(in super::super) async fn output(program: &str, arguments: &[&str]) -> Result<String, ProgramError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ProgramError::Absent(program.to_owned()),
        _ => ProgramError::Io { program: program.to_owned(), source },
    };
    let child = Command::new(program)
        .args(arguments)
        .env("PATH", search_path())
        // What is printed is read here, not by people.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, child)
        .await
        .map_err(|_| ProgramError::Late { program: program.to_owned() })?
        .map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(ProgramError::Failed { program: program.to_owned(), status: output.status, said })
}

/// Where programs are, and where those for administrators are, which not everybody has on the path.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}
