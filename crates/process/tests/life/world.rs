//! The world the tests run in, and what they all do.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use weft_process::{RunState, Spec, StartError};

/// Set inside the world.
const INSIDE: &str = "WEFT_TEST_WORLD";

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn needs() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("it needs root".into());
    }
    for tool in ["unshare", "ip", "sh", "setsid", "setpriv", "nsenter"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Err(format!("it needs the command {tool}"));
        }
    }
    Ok(())
}

pub(crate) fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this binary again, with the same arguments, in namespaces that die with it.
pub(crate) fn enter() -> ExitCode {
    let error = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    eprintln!("cannot execute unshare: {error}");
    ExitCode::FAILURE
}

/// A /run and an /etc that can be changed without the host noticing.
pub(crate) fn furnish() {
    // As systemd has it on most hosts; it makes leaks of mounts possible.
    run("mount --make-rshared /");
    run("mount -t tmpfs tmpfs /run && cp -a /etc /run/etc && mount --bind /run/etc /etc");
    write_etc("resolv.conf", "nameserver 192.0.2.53\n");
    write_etc("hosts", "127.0.0.1 the-host\n");
}

/// Puts a file in the place of another in /etc, as DHCP clients do.
pub(crate) fn write_etc(name: &str, contents: &str) {
    let new = Path::new("/etc").join(format!("{name}.new"));
    fs::write(&new, contents).unwrap();
    fs::rename(&new, Path::new("/etc").join(name)).unwrap();
}

pub(crate) fn run(script: &str) -> Output {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn weft() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// A place for one process: a directory and a network namespace. Gone, with the process, when dropped.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) netns: PathBuf,
    pub(crate) scratch: tempfile::TempDir,
    name: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("p{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(&format!("ip netns add {name}"));
        let scratch = tempfile::tempdir_in("/run").unwrap();
        Self {
            dir: scratch.path().join("process"),
            netns: Path::new("/run/netns").join(&name),
            scratch,
            name,
        }
    }

    /// A shell script to run here.
    pub(crate) fn spec(&self, script: &str) -> Spec {
        Spec {
            id: "0123456789ab".into(),
            name: "nginx_01".into(),
            netns: self.netns.clone(),
            command: vec!["sh".into(), "-c".into(), script.into()],
            env: BTreeMap::new(),
            workdir: "/".into(),
            mounts: Vec::new(),
            resolv_conf: "nameserver 10.0.0.1\n".into(),
            hosts: "10.0.0.2 nginx_01\n".into(),
            open_files: None,
            session: None,
        }
    }

    pub(crate) fn start(&self, spec: &Spec) -> Result<u32, StartError> {
        weft_process::start(&self.dir, spec, &weft())
    }

    /// Starts a script that must start.
    pub(crate) fn sh(&self, script: &str) -> u32 {
        self.start(&self.spec(script)).unwrap()
    }

    /// Runs a spec to its end; its exit status and output.
    pub(crate) fn finish(&self, spec: &Spec) -> (Option<i32>, String) {
        self.start(spec).unwrap();
        (self.end(), self.output())
    }

    pub(crate) fn state(&self) -> RunState {
        weft_process::state(&self.dir).unwrap()
    }

    /// Waits for the end; the exit status.
    pub(crate) fn end(&self) -> Option<i32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            if let Some(ended) = weft_process::wait_handle(&self.dir).unwrap() {
                tokio::time::timeout(PATIENCE, ended.wait()).await.expect("it does not end").unwrap();
            }
        });
        match self.state() {
            RunState::Exited { code, .. } => code,
            other => panic!("it has ended, but its state is {other:?}"),
        }
    }

    pub(crate) fn output(&self) -> String {
        let logs = weft_process::logs(&self.dir);
        logs.iter().map(|log| fs::read_to_string(log).unwrap_or_default()).collect()
    }

    /// Waits until the process has written this.
    pub(crate) fn await_output(&self, text: &str) {
        eventually(&format!("it says {text:?}"), || self.output().contains(text));
    }

    /// The processes in its network namespace.
    pub(crate) fn inhabitants(&self) -> Vec<u32> {
        let output = run(&format!("ip netns pids {}", self.name));
        String::from_utf8(output.stdout).unwrap().lines().map(|pid| pid.parse().unwrap()).collect()
    }

    pub(crate) fn shim(&self) -> u32 {
        fs::read_to_string(self.dir.join("lock")).unwrap().parse().unwrap()
    }

    /// That a start that failed left nothing.
    pub(crate) fn assert_untouched(&self) {
        assert!(!self.dir.exists(), "the directory is left");
        assert_eq!(self.inhabitants(), [0; 0], "processes are left");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = weft_process::remove(&self.dir, &self.netns);
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Waits for a condition.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process exists and is not dead.
pub(crate) fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
    })
}
