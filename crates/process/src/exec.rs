//! A command beside a running process: `weft exec`.

use crate::{
    Spec,
    error::ShimFailure,
    files::{self, SPEC},
    image,
    sweep::{self, namespace_id},
};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// Where and what to execute.
#[derive(Debug, Clone)]
pub struct ExecRequest<'a> {
    /// The running process.
    pub pid: u32,
    /// Its network namespace as a path: proof that the number still means that process.
    pub netns: &'a Path,
    /// The program and its arguments.
    pub command: &'a [String],
    /// Added to the environment the process was started with.
    pub env: &'a BTreeMap<String, String>,
    /// The directory to start in; by default the one the process started in.
    pub workdir: Option<&'a Path>,
}

/// Why the command was not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExecError {
    /// 127 if there is no such command, 126 if it cannot be executed, 125 for the rest, as Docker has it.
    pub code: i32,
    message: String,
}

impl From<ShimFailure> for ExecError {
    fn from(ShimFailure { code, message }: ShimFailure) -> Self {
        Self { code, message }
    }
}

/// Becomes the command, in the process's network, mount and UTS namespaces. Standard input and output stay as
/// they are. The calling process must have a single thread (setns(2)) and be root; it returns only on failure,
/// and may then be in other namespaces than before: it should exit.
pub fn replace(request: &ExecRequest<'_>) -> ExecError {
    match enter(request) {
        Ok((env, workdir)) => image::replace(request.command, &env, &workdir).into(),
        Err(failure) => failure.into(),
    }
}

fn enter(request: &ExecRequest<'_>) -> Result<(BTreeMap<String, String>, PathBuf), ShimFailure> {
    let gone = || ShimFailure::new(format!("the process {} does not run any more", request.pid));
    let pid = i32::try_from(request.pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Err(gone()),
        Err(error) => return Err(ShimFailure::because(format!("open the process {}", request.pid))(error)),
    };
    let theirs = namespace_id(request.netns)
        .map_err(ShimFailure::because(format!("find the network namespace {}", request.netns.display())))?;
    // Before entering: the process's own mounts may hide /proc.
    let spec = spec(pid).ok_or_else(gone)?;
    let mut env = spec.environment();
    env.extend(request.env.clone());
    let workdir = request.workdir.map_or(spec.workdir, Path::to_owned);
    if namespace_id(format!("/proc/{}/ns/net", request.pid)).ok() != Some(theirs) {
        return Err(gone());
    }
    match weft_netlink::enter(process.as_fd()) {
        Ok(()) => Ok((env, workdir)),
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Err(gone()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(ShimFailure::new("only root can enter a process's namespaces: try sudo"))
        }
        Err(error) => {
            Err(ShimFailure::because(format!("enter the namespaces of the process {}", request.pid))(error))
        }
    }
}

/// The spec of the process. Its parent is the shim, whose working directory contains the spec; the process's own
/// `/proc/PID/environ` may have been overwritten (nginx puts its title there).
fn spec(pid: Pid) -> Option<Spec> {
    let shim = sweep::parent(pid)?;
    let dir = PathBuf::from(format!("/proc/{}/cwd", shim.as_raw_nonzero()));
    files::read_json(&dir, SPEC).ok()?
}
