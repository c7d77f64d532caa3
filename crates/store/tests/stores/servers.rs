//! Real servers for a test: on loopback, in a directory of their own, gone with the test.

use std::{
    collections::BTreeSet,
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
};
use tempfile::TempDir;

/// A running server.
pub struct Server {
    process: Child,
    pub port: u16,
    directory: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("the server's last words, newest first:\n{}", tail.join("\n"));
        }
    }
}

/// Where `name` is: in `$WEFT_TOOLS/bin` or on the path. `None`, said loudly, if it is nowhere: the test has
/// to be skipped then. In CI that is a failure.
pub fn tool(name: &str) -> Option<PathBuf> {
    let tools = env::var_os("WEFT_TOOLS").map(|tools| PathBuf::from(tools).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let found = tools.into_iter().chain(env::split_paths(&path)).map(|place| place.join(name));
    let found = found.into_iter().find(|file| file.is_file());
    if found.is_none() {
        let required = env::var_os("CI").is_some() || env::var_os("WEFT_REQUIRE_TOOLS").is_some();
        assert!(!required, "{name} is missing: see CONTRIBUTING.md");
        eprintln!("SKIPPED: {name} is missing, neither in $WEFT_TOOLS/bin nor on the path");
    }
    found
}

/// A port that nothing listens on, and that no other test of this process was given.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

impl Server {
    /// Starts `program`, which the kernel kills if this thread ends without doing so.
    fn start(program: &PathBuf, port: u16, arguments: impl FnOnce(&str) -> Vec<String>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let data = directory.path().join("data").display().to_string();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(arguments(&data))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv, of util-linux, is needed");
        Self { process, port, directory }
    }

    /// A Consul server of its own. `None`: there is none on this machine.
    pub fn consul(extra: &[&str]) -> Option<Self> {
        let program = tool("consul")?;
        let (http, rpc, lan) = (free_port(), free_port(), free_port());
        let arguments = |data: &str| {
            let mut arguments: Vec<String> = [
                "agent",
                "-server",
                "-bootstrap-expect=1",
                "-bind=127.0.0.1",
                "-client=127.0.0.1",
                "-dns-port=-1",
                "-grpc-port=-1",
                "-serf-wan-port=-1",
                "-log-level=warn",
            ]
            .map(String::from)
            .into();
            arguments.push(format!("-data-dir={data}"));
            arguments.push(format!("-http-port={http}"));
            arguments.push(format!("-server-port={rpc}"));
            arguments.push(format!("-serf-lan-port={lan}"));
            arguments.push("-hcl=performance { raft_multiplier = 1 }".into());
            // Consul takes no TTL below ten seconds unless told, which makes tests slow.
            arguments.push("-hcl=session_ttl_min = \"1s\"".into());
            arguments.extend(extra.iter().map(|extra| (*extra).to_owned()));
            arguments
        };
        Some(Self::start(&program, http, arguments))
    }

    /// An etcd of its own, which speaks TLS if `extra` arguments say how. `None`: there is none on this
    /// machine.
    pub fn etcd(extra: &[&str]) -> Option<Self> {
        Self::etcd_at(if extra.is_empty() { "http" } else { "https" }, extra)
    }

    /// The same without TLS.
    pub fn etcd_plain(extra: &[&str]) -> Option<Self> {
        Self::etcd_at("http", extra)
    }

    fn etcd_at(scheme: &str, extra: &[&str]) -> Option<Self> {
        let program = tool("etcd")?;
        let (client, peer) = (free_port(), free_port());
        let arguments = |data: &str| {
            let client = format!("{scheme}://127.0.0.1:{client}");
            let peer = format!("http://127.0.0.1:{peer}");
            let own = [
                "--data-dir",
                data,
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
                "--initial-cluster",
                &format!("default={peer}"),
                "--heartbeat-interval=50",
                "--election-timeout=250",
            ]
            .map(String::from);
            own.into_iter().chain(extra.iter().map(|extra| (*extra).to_owned())).collect()
        };
        Some(Self::start(&program, client, arguments))
    }
}
