//! The shim's life beside the command.

use super::{etc::Etc, launch, log::Log};
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

/// How soon to try again when `/etc/resolv.conf` cannot be put back.
const RETRY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A command that runs.
pub(super) struct Running {
    command: Pid,
    network: NamespaceId,
    signals: SignalDelivery<UnixStream, SignalOnly>,
    log: Log,
    mounts: File,
    etc: Etc,
}

impl Running {
    /// Executes the command, in the namespaces this process is in.
    pub(super) fn start(spec: &Spec, network: NamespaceId, etc: Etc) -> Result<Self, ShimFailure> {
        let cannot = |error: io::Error| ShimFailure::because("prepare to watch the command")(error);
        let (read, write) = UnixStream::pair().map_err(cannot)?;
        let wanted = [SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
        let signals = SignalDelivery::with_pipe(read, write, SignalOnly, wanted).map_err(cannot)?;
        let mounts = File::open("/proc/self/mountinfo").map_err(cannot)?;
        let (output, writer) = io::pipe().map_err(cannot)?;
        let log = Log::new(Path::new("."), output).map_err(cannot)?;
        let command = launch::launch(spec, writer)?;
        Ok(Self { command, network, signals, log, mounts, etc })
    }

    /// The command's process id.
    pub(super) fn pid(&self) -> u32 {
        self.command.as_raw_pid().unsigned_abs()
    }

    /// Waits for the command's end, ends what it leaves behind, and returns its exit status.
    pub(super) fn watch(mut self) -> Result<i32, ShimFailure> {
        let mut in_place = true;
        let code = loop {
            let mounts_changed = self.wait(if in_place { None } else { Some(&RETRY) })?;
            if mounts_changed || !in_place {
                in_place = self.etc.restore();
            }
            self.log.take();
            if let Some(code) = self.heed_signals() {
                break code;
            }
        };
        if let Err(error) = self.end_the_rest() {
            // Only for shim.log: the command's end is known all the same.
            let _ = writeln!(io::stderr(), "cannot end all that the command left behind: {error}");
        }
        self.log.drain();
        Ok(code)
    }

    /// Returns when there is something to do; says whether this namespace's mounts have changed.
    fn wait(&self, timeout: Option<&Timespec>) -> Result<bool, ShimFailure> {
        let mut fds = vec![
            // The kernel tells of changes this way: proc_pid_mounts(5).
            PollFd::new(&self.mounts, PollFlags::PRI),
            PollFd::new(self.signals.get_read(), PollFlags::IN),
        ];
        fds.extend(self.log.pipe().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        match poll(&mut fds, timeout) {
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
