//! Starting a process, as the agent sees it: make the directory, start the shim, hear what it says.

use crate::{
    Spec, StartError, children, control,
    error::ShimFailure,
    files::{self, HOSTS, LOCK, LOG, RESOLV_CONF, SHIM_LOG, SPEC},
    shim::ShimReport,
    sweep,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, PipeReader, Read},
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// How long it may take until the command runs: it takes milliseconds, unless a file system hangs.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a killed shim may take to be gone.
const GONE: Duration = Duration::from_secs(2);

/// Starts a process and returns the command's process id once the command runs. Blocks up to ten seconds,
/// and as long again to clean up.
///
/// `dir` is made for the process and belongs to it from now on: it must not be another process's. `weft` is the binary
/// to execute as the shim. If the caller is killed at any point, [`state`](fn@crate::state) can tell from the directory
/// what became of the process.
///
/// # Errors
/// After an error nothing is left behind, `dir` included; only [`StartError::Taken`] leaves it alone.
pub fn start(dir: &Path, spec: &Spec, weft: &Path) -> Result<u32, StartError> {
    spec.check()?;
    // The shim starts in another directory.
    let dir = &std::path::absolute(dir).map_err(StartError::io(format!("find {}", dir.display())))?;
    sweep::foreign_network(&spec.netns)
        .map_err(StartError::io(format!("use the network namespace {}", spec.netns.display())))?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(StartError::io(format!("create {}", dir.display())))?;
    let lock = lock(dir)?;
    launch(dir, spec, weft, lock).inspect_err(|_| {
        // What cannot be removed now, the agent finds as `NotStarted` and removes later.
        let _ = control::remove(dir, &spec.netns);
    })
}

/// Takes the lock, which the shim inherits: there is no moment at which the process exists and is not locked.
fn lock(dir: &Path) -> Result<File, StartError> {
    let path = dir.join(LOCK);
    let lock = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    match lock {
        Ok(lock) => {
            lock.lock().map_err(StartError::io(format!("lock {}", path.display())))?;
            Ok(lock)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StartError::Taken(dir.to_owned())),
        Err(error) => Err(StartError::io(format!("create {}", path.display()))(error)),
    }
}

fn launch(dir: &Path, spec: &Spec, weft: &Path, lock: File) -> Result<u32, StartError> {
    write_files(dir, spec).map_err(StartError::io(format!("write the files of {}", dir.display())))?;
    let shim_log = File::create(dir.join(SHIM_LOG)).map_err(StartError::io("create the shim's log"))?;
    let (report, reporter) = io::pipe().map_err(StartError::io("make a pipe"))?;
    let shim = Command::new(weft)
        .arg0("weft")
        .args(["shim", "--dir"])
        .arg(dir)
        // It outlives the agent and needs none of the secrets in the agent's environment.
        .env_clear()
        .current_dir("/")
        .stdin(lock)
        .stdout(reporter)
        .stderr(shim_log)
        .spawn()
        .map_err(StartError::io(format!("execute {}", weft.display())))?;
    let outcome = hear(report, DEADLINE);
    if matches!(outcome, Ok(Some(ShimReport::Started { .. }))) {
        children::remember(shim);
    } else {
        children::end(shim, GONE);
    }
    match outcome? {
        Some(ShimReport::Started { pid }) => Ok(pid),
        Some(ShimReport::Failed(ShimFailure { code, message })) => Err(StartError::Refused { code, message }),
        None => Err(StartError::Lost(fs::read_to_string(dir.join(SHIM_LOG)).unwrap_or_default())),
    }
}

fn write_files(dir: &Path, spec: &Spec) -> io::Result<()> {
    files::create(&dir.join(SPEC), 0o600, &serde_json::to_vec(spec)?)?;
    files::create(&dir.join(LOG), 0o600, b"")?;
    // Seen by every user in the process's namespaces, and by nobody outside, since the directory is 0700.
    files::create(&dir.join(RESOLV_CONF), 0o644, spec.resolv_conf.as_bytes())?;
    files::create(&dir.join(HOSTS), 0o644, spec.hosts.as_bytes())
}

/// What the shim says before it closes the pipe; `None` if nothing that makes sense.
fn hear(mut report: PipeReader, limit: Duration) -> Result<Option<ShimReport>, StartError> {
    let deadline = Instant::now() + limit;
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&report, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(StartError::Deadline(limit)),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(StartError::io("wait for the shim")(error.into())),
        }
        match report.read(&mut buffer).map_err(StartError::io("hear the shim"))? {
            0 => return Ok(serde_json::from_slice(&said).ok()),
            count => said.extend_from_slice(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn hears_the_shim_out() {
        let hear = |said: &[u8]| {
            let (report, mut shim) = io::pipe().unwrap();
            shim.write_all(said).unwrap();
            drop(shim);
            super::hear(report, Duration::from_secs(5)).unwrap()
        };
        assert!(matches!(hear(br#"{"started":{"pid":7}}"#), Some(ShimReport::Started { pid: 7 })));
        assert!(matches!(hear(br#"{"failed":{"code":127,"message":"no"}}"#), Some(ShimReport::Failed(_))));
        assert!(hear(b"").is_none(), "it died");
        assert!(hear(b"{\"started\"").is_none(), "it died while it spoke");
    }

    #[test]
    fn does_not_wait_for_ever() {
        let (report, _silent) = io::pipe().unwrap();
        let error = hear(report, Duration::from_millis(10)).unwrap_err();
        assert!(matches!(error, StartError::Deadline(_)), "{error}");
    }
}
