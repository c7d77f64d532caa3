//! Standard input and output of the command: `/dev/null` and a pipe, two pipes, or a terminal.

use crate::{Spec, error::ShimFailure};
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{Errno, fcntl_dupfd_cloexec},
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

/// What the command gets.
pub(super) struct Theirs {
    pub(super) stdin: OwnedFd,
    /// For standard output and error.
    pub(super) output: OwnedFd,
    /// Whether both are a terminal, which is to be the command's own.
    pub(super) terminal: bool,
}

/// What the shim keeps. Neither end makes it wait.
pub(super) struct Ours {
    /// Where the command's output comes out.
    pub(super) output: File,
    /// Where its input goes in, if it has any.
    pub(super) input: Option<File>,
    /// The other side of its terminal. While it is held, the command is not told that its terminal hung up.
    pub(super) terminal: Option<OwnedFd>,
}

/// Makes them as `spec` has them.
pub(super) fn make(spec: &Spec) -> Result<(Theirs, Ours), ShimFailure> {
    let cannot = |error: io::Error| ShimFailure::because("prepare the command's input and output")(error);
    let stdin = spec.session.as_ref().is_some_and(|session| session.stdin);
    if let Some(size) = spec.session.as_ref().and_then(|session| session.terminal) {
        return terminal(stdin, size).map_err(ShimFailure::because("make a terminal for the command"));
    }
    let (output, their_output) = io::pipe().map_err(cannot)?;
    let (their_stdin, input) = if stdin {
        let (theirs, input) = io::pipe().map_err(cannot)?;
        (OwnedFd::from(theirs), Some(without_waiting(input.into()).map_err(|error| cannot(error.into()))?))
    } else {
        (File::open("/dev/null").map_err(cannot)?.into(), None)
    };
    let output = without_waiting(output.into()).map_err(|error| cannot(error.into()))?;
    let theirs = Theirs { stdin: their_stdin, output: their_output.into(), terminal: false };
    Ok((theirs, Ours { output, input, terminal: None }))
}

fn terminal(stdin: bool, size: (u16, u16)) -> Result<(Theirs, Ours), Errno> {
    // Not the shim's own: it must not be hung up on.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    unlockpt(&ours)?;
    set_size(&ours, size)?;
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    let copy = |fd: &OwnedFd| fcntl_dupfd_cloexec(fd, 3);
    let output = without_waiting(copy(&ours)?)?;
    let input = if stdin { Some(File::from(copy(&ours)?)) } else { None };
    let theirs = Theirs { stdin: copy(&theirs)?, output: theirs, terminal: true };
    Ok((theirs, Ours { output, input, terminal: Some(ours) }))
}

fn without_waiting(fd: OwnedFd) -> Result<File, Errno> {
    let flags = fcntl_getfl(&fd)?;
    fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
    Ok(fd.into())
}

/// Gives a terminal so many rows and columns; who runs in its foreground is told, if that is a change.
pub(super) fn set_size(terminal: impl AsFd, (rows, columns): (u16, u16)) -> Result<(), Errno> {
    tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })
}
