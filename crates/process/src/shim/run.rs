//! The shim's life beside the command.

use super::{door::Door, etc::Etc, launch, log::Log, session::Session, streams};
use crate::{
    Spec,
    error::ShimFailure,
    sweep::{self, NamespaceId},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait},
};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};
use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    time::Duration,
};

/// How long what the command leaves behind may take to die.
const GONE: Duration = Duration::from_secs(5);

/// How soon to look again at what nothing tells of: whether `/etc/resolv.conf` can be put back, and whether the command has
/// opened its terminal again.
const RETRY: Duration = Duration::from_secs(1);

/// A command that runs.
pub(super) struct Running {
    command: Pid,
    network: NamespaceId,
    signals: SignalDelivery<UnixStream, SignalOnly>,
    log: Log,
    mounts: File,
    etc: Etc,
    session: Option<Session>,
}

impl Running {
    /// Executes the command, in the namespaces this process is in. `door` is where the client of its session comes in.
    pub(super) fn start(
        spec: &Spec,
        network: NamespaceId,
        etc: Etc,
        door: Option<Door>,
    ) -> Result<Self, ShimFailure> {
        let cannot = |error: io::Error| ShimFailure::because("prepare to watch the command")(error);
        let (read, write) = UnixStream::pair().map_err(cannot)?;
        let wanted = [SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
        let signals = SignalDelivery::with_pipe(read, write, SignalOnly, wanted).map_err(cannot)?;
        let mounts = File::open("/proc/self/mountinfo").map_err(cannot)?;
        let (theirs, ours) = streams::make(spec)?;
        let log = Log::new(Path::new("."), ours.output, ours.terminal.is_some());
        let command = launch::launch(spec, theirs)?;
        let session = door.map(|door| Session::new(door, ours.input, ours.terminal));
        Ok(Self { command, network, signals, log, mounts, etc, session })
    }

    /// The command's process id.
    pub(super) fn pid(&self) -> u32 {
        self.command.as_raw_pid().unsigned_abs()
    }

    /// Waits for the command's end, ends what it leaves behind, and returns its exit status, and the session that is to be
    /// told of it.
    pub(super) fn watch(mut self) -> Result<(i32, Option<Session>), ShimFailure> {
        let mut in_place = true;
        let code = loop {
            let mounts_changed = self.wait(in_place)?;
            if mounts_changed || !in_place {
                in_place = self.etc.restore();
            }
            self.pass_on();
            if let Some(code) = self.heed_signals() {
                break code;
            }
        };
        if let Err(error) = self.end_the_rest() {
            // Only for shim.log: the command's end is known all the same.
            let _ = writeln!(io::stderr(), "cannot end all that the command left behind: {error}");
        }
        self.log.drain(|bytes| {
            if let Some(session) = &mut self.session {
                session.say(bytes);
            }
        });
        Ok((code, self.session))
    }

    /// Passes on some of the command's input and output.
    fn pass_on(&mut self) {
        let Some(session) = &mut self.session else {
            self.log.take();
            return;
        };
        session.turn();
        if session.takes_output() {
            session.say(self.log.take());
        }
    }

    /// Returns when there is something to do; says whether this namespace's mounts have changed.
    fn wait(&self, in_place: bool) -> Result<bool, ShimFailure> {
        let mut fds = vec![
            // The kernel tells of changes this way: proc_pid_mounts(5).
            PollFd::new(&self.mounts, PollFlags::PRI),
            PollFd::new(self.signals.get_read(), PollFlags::IN),
        ];
        let output = self.log.source().filter(|_| self.session.as_ref().is_none_or(Session::takes_output));
        fds.extend(output.map(|output| PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)));
        fds.extend(self.session.iter().flat_map(Session::wants));
        let again = (!in_place || self.log.hung_up()).then_some(RETRY);
        let session = self.session.as_ref().and_then(Session::patience);
        let timeout = again.into_iter().chain(session).min();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => Ok(fds[0].revents().contains(PollFlags::PRI)),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(ShimFailure::because("wait for the command")(error)),
        }
    }

    /// Passes signals on to the command; returns its exit status if it has ended.
    fn heed_signals(&mut self) -> Option<i32> {
        let command = self.command;
        for signal in self.signals.pending() {
            if signal == SIGCHLD {
                if let Some(code) = reap(command) {
                    return Some(code);
                }
            } else if let Some(signal) = Signal::from_named_raw(signal) {
                // Not reaped yet, so the number is still its own.
                let _ = kill_process(command, signal);
            }
        }
        None
    }

    /// Kills what is left in the network namespace, and daemons that went to another one: those are the
    /// shim's children by now, or will be when their parents have been killed.
    fn end_the_rest(&self) -> io::Result<()> {
        let shim = getpid();
        let ours = |pid| sweep::in_network(pid, self.network) || sweep::parent(pid) == Some(shim);
        sweep::kill_all(GONE, ours)?;
        reap(self.command);
        Ok(())
    }
}

/// Takes every dead child out of the process table; returns the command's exit status if it was among them.
fn reap(command: Pid) -> Option<i32> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == command {
            code = Some(exit_code(status));
        }
    }
    code
}

/// As a shell has it: 128 + n if signal n ended it.
fn exit_code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(255)
}
