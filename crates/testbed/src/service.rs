//! Something that runs in the background on a host.

use crate::{
    host::Host,
    wait::{eventually, patient, until},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// How long a process may take to start, and to end after it was asked to.
const DEADLINE: Duration = Duration::from_secs(20);

/// A process in the background, killed when this is dropped. What it prints goes to a log, which is shown when
/// the test fails.
#[derive(Debug)]
pub struct Service {
    title: String,
    /// nsenter, which waits for the process and ends as it does.
    entered: Child,
    process: Pid,
    log: PathBuf,
}

impl Service {
    #[track_caller]
    pub(crate) fn start(host: &Host, command: &[&str]) -> Self {
        let (program, arguments) = command.split_first().expect("a command has a program");
        let log = host.new_log(program.rsplit('/').next().unwrap_or(program));
        let file = File::options().append(true).open(&log).expect("the log was just made");
        let mut entered = host
            .command(program)
            .args(arguments)
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn()
            .expect("nsenter can be run");
        let title = format!("{}: {}", host.name(), command.join(" "));
        let process = eventually(DEADLINE, || match (only_child(&entered), entered.try_wait()) {
            (Some(process), _) => Ok(process),
            (None, Ok(Some(status))) => panic!("{title}: ended at once, {status}\n{}", read(&log)),
            (None, _) => Err(format!("{title}: not started")),
        });
        Self { title, entered, process, log }
    }

    /// Its process id, as this machine counts: for `/proc`.
    pub fn pid(&self) -> u32 {
        self.process.as_raw_nonzero().get().unsigned_abs()
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.entered.try_wait().expect("a child can be waited for")
    }

    /// Waits until its log has `text` in it.
    #[track_caller]
    pub fn logs(&self, text: &str, deadline: Duration) {
        until(&format!("{} prints {text:?}; it printed:\n{}", self.title, self.log()), deadline, || {
            self.log().contains(text)
        });
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(self.process, signal).expect("the process is there");
        self.resume(signal);
    }

    /// nsenter stops when its process does, as a shell's job would (util-linux, `sys-utils/nsenter.c`), and has to be
    /// told when that goes on, or ends.
    fn resume(&self, signal: Signal) {
        if signal != Signal::STOP
            && let Some(entered) = i32::try_from(self.entered.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(entered, Signal::CONT);
        }
    }

    /// Asks it to end, and waits for it.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(DEADLINE)
    }

    /// Ends it as a crash would.
    #[track_caller]
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.wait(DEADLINE);
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When `deadline` has passed.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        match wait(&mut self.entered, deadline) {
            Some(status) => status,
            None => panic!("{}: still runs after {deadline:?}", self.title),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = kill_process(self.process, Signal::KILL);
            self.resume(Signal::KILL);
            let _ = self.entered.wait();
        }
        if thread::panicking() {
            eprintln!("--- {}\n{}", self.title, self.log());
        }
    }
}

/// The process that nsenter made: it forks, since a process namespace is for children only.
fn only_child(parent: &Child) -> Option<Pid> {
    let id = parent.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

/// How `child` ended, or `None` if it has not when `deadline` has passed.
pub(crate) fn wait(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let (start, deadline) = (Instant::now(), patient(deadline));
    loop {
        let status = child.try_wait().expect("a child can be waited for");
        if status.is_some() || start.elapsed() > deadline {
            return status;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn read(log: &PathBuf) -> String {
    fs::read(log).map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
