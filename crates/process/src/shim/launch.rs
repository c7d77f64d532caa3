//! The second stage, between the shim and the command.
//!
//! It is what the shim executes, to do what has to be done in the command's own process and needs no
//! `unsafe` there: ask for death with the shim, leave its session, go to its directory; then it becomes the
//! command. What to do comes over a socket, which closes when it succeeds and carries the reason when it does
//! not. Nothing secret is in its arguments.

use super::streams::Theirs;
use crate::{Spec, error::ShimFailure, image};
use rustix::{
    io::Errno,
    process::{
        Pid, Signal, getpid, getppid, ioctl_tiocsctty, set_parent_process_death_signal, setsid, umask,
    },
    stdio::{dup2_stdout, stderr, stdin, stdout},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env,
    io::{Read, Write},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Command, ExitCode},
};

/// Tells the second stage from the first. The command does not see it.
const VARIABLE: &str = "WEFT_SHIM_SECOND_STAGE";

/// What the shim tells the second stage.
#[derive(Serialize, Deserialize)]
struct Order {
    shim: i32,
    command: Vec<String>,
    env: BTreeMap<String, String>,
    workdir: PathBuf,
    /// Whether standard input is a terminal, which is to be the command's own.
    terminal: bool,
}

/// Runs the command of `spec`, with its input and output, and returns once it has been executed.
pub(super) fn launch(spec: &Spec, streams: Theirs) -> Result<Pid, ShimFailure> {
    let cannot = |error: std::io::Error| ShimFailure::because("prepare the command")(error);
    let (mut ours, theirs) = UnixStream::pair().map_err(cannot)?;
    // Not by name: the binary may have been replaced by a newer one, or hidden by a mount.
    let child = Command::new("/proc/self/exe")
        .arg0("weft")
        .args(["shim", "--dir", "."])
        .env_clear()
        .env(VARIABLE, "1")
        .stdin(streams.stdin)
        // Standard output will be what standard error is already.
        .stdout(OwnedFd::from(theirs))
        .stderr(streams.output)
        .spawn()
        .map_err(cannot)?;
    let order = Order {
        shim: getpid().as_raw_pid(),
        command: spec.command.clone(),
        env: spec.environment(),
        workdir: spec.workdir.clone(),
        terminal: streams.terminal,
    };
    serde_json::to_writer(&ours, &order).map_err(|error| cannot(error.into()))?;
    ours.shutdown(Shutdown::Write).map_err(cannot)?;
    let mut answer = Vec::new();
    ours.read_to_end(&mut answer).map_err(cannot)?;
    if !answer.is_empty() {
        return Err(serde_json::from_slice(&answer).map_err(|error| cannot(error.into()))?);
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| ShimFailure::new("the kernel gave the command an impossible process id"))
}

/// Whether this process is the second stage.
pub(super) fn is_second_stage() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// Becomes the command, or says why not.
pub(super) fn main() -> ExitCode {
    let Ok(mut shim) = stdout().try_clone_to_owned().map(UnixStream::from) else { return ExitCode::FAILURE };
    let failure = match prepare(&mut shim) {
        Ok(order) => image::replace(&order.command, &order.env, &order.workdir),
        Err(failure) => failure,
    };
    let _ = shim.write_all(&serde_json::to_vec(&failure).unwrap_or_default());
    ExitCode::FAILURE
}

fn prepare(shim: &mut UnixStream) -> Result<Order, ShimFailure> {
    let cannot = |error: std::io::Error| ShimFailure::because("prepare the command")(error);
    let mut order = Vec::new();
    shim.read_to_end(&mut order).map_err(cannot)?;
    let order: Order = serde_json::from_slice(&order).map_err(|error| cannot(error.into()))?;
    let kernel = |error: Errno| cannot(error.into());
    dup2_stdout(stderr()).map_err(kernel)?;
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(kernel)?;
    if getppid().map(Pid::as_raw_pid) != Some(order.shim) {
        return Err(ShimFailure::new("the shim died"));
    }
    setsid().map_err(kernel)?;
    if order.terminal {
        // From now on Ctrl-C and its kind are signals for who is in the foreground: the command, at first.
        ioctl_tiocsctty(stdin()).map_err(ShimFailure::because("give the command its terminal"))?;
    }
    umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(order)
}
