//! What the shim inherits: the lock as standard input, the agent's ear as standard output.

use crate::{error::ShimFailure, files::LOCK, sweep::namespace_id};
use rustix::{
    process::{Pid, getpid, set_child_subreaper, setsid, umask},
    stdio::{dup2_stdin, dup2_stdout, stdin, stdout},
};
use std::{
    env,
    fs::File,
    io::{PipeWriter, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Takes over what was inherited, moves to `dir`, and leaves the agent's session.
pub(super) fn take(dir: &Path) -> Result<(File, PipeWriter), ShimFailure> {
    env::set_current_dir(dir).map_err(ShimFailure::because(format!("enter {}", dir.display())))?;
    let standard = |error: std::io::Error| ShimFailure::because("take over what the agent passed on")(error);
    // Copies that no command inherits.
    let mut lock = File::from(stdin().try_clone_to_owned().map_err(standard)?);
    let agent = PipeWriter::from(stdout().try_clone_to_owned().map_err(standard)?);
    let metadata = lock.metadata().map_err(standard)?;
    if namespace_id(LOCK).ok() != Some((metadata.dev(), metadata.ino())) {
        return Err(ShimFailure::new(
            "this is a part of `weft run`, which the agent starts; it is not for people",
        ));
    }
    let null = File::options().read(true).write(true).open("/dev/null").map_err(standard)?;
    dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).map_err(|error| standard(error.into()))?;

    write!(lock, "{}", getpid().as_raw_nonzero()).map_err(ShimFailure::because("write the lock file"))?;
    let own = |error: rustix::io::Errno| ShimFailure::because("become a process of its own")(error);
    setsid().map_err(own)?;
    // Daemons that leave the command come to the shim, which can end them.
    set_child_subreaper(Pid::from_raw(1)).map_err(own)?;
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    Ok((lock, agent))
}
