//! A host of a world.

use crate::{
    agent::Agent,
    engine::{Engine, Release},
    http::{self, Answer},
    need::built_dir,
    podman::Podman,
    service::{Service, wait},
    store::StoreServer,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek, Write},
    net::{Ipv4Addr, Ipv6Addr},
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

/// How long a command may take. Only one that hangs comes near it.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);

/// A host: its own network, processes, name, `/run`, and copy-on-write `/etc`, `/usr` and `/var`.
#[derive(Debug, Clone)]
pub struct Host {
    /// The process of the lab it is in.
    lab: u32,
    number: usize,
    name: String,
}

impl Host {
    pub(crate) fn new(lab: u32, number: usize) -> Self {
        Self { lab, number, name: format!("host{number}") }
    }

    /// `host1`: its hostname, and the name of its port on the underlay.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the underlay.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 77, self.last_octet())
    }

    /// Its IPv6 address on the underlay: the same digits.
    pub fn address6(&self) -> Ipv6Addr {
        let digits = format!("fd77::1{}", self.number);
        digits.parse().expect("the lab has fewer than ten hosts")
    }

    fn last_octet(&self) -> u8 {
        u8::try_from(10 + self.number).expect("the lab has fewer than ten hosts")
    }

    /// A command that runs `program` on this host, with the `weft` of this build first on its `PATH`. Its working
    /// directory is `/`, its home the host's own, `/run/home`.
    pub fn command(&self, program: &str) -> Command {
        let namespaces = self.namespaces();
        let mut command = Command::new("nsenter");
        for (option, file) in [("net", "net"), ("mount", "mnt"), ("uts", "uts"), ("pid", "pid_for_children")]
        {
            command.arg(format!("--{option}={namespaces}/{file}"));
        }
        command
            .args(["--", program])
            .env("PATH", search_path())
            .env("HOME", "/run/home")
            .stdin(Stdio::null());
        command
    }

    /// The process of the lab it is in.
    pub(crate) fn lab(&self) -> u32 {
        self.lab
    }

    /// The directory of its namespaces, as this machine can reach it.
    fn namespaces(&self) -> String {
        format!("/proc/{}/root/run/lab/{}/ns", self.lab, self.name)
    }

    /// Its file system, as this machine can reach it.
    pub(crate) fn root(&self) -> String {
        format!("{}/../root", self.namespaces())
    }

    /// Does `work` in this host's network, or in its namespace called `netns`, on a thread of its own. Sockets
    /// opened there stay there: for questions and clocks without the start of a program in between.
    ///
    /// # Panics
    /// When there is no such namespace, and when `work` does.
    #[track_caller]
    pub fn inside<T: Send>(&self, netns: Option<&str>, work: impl FnOnce() -> T + Send) -> T {
        let namespaces = self.namespaces();
        let path = match netns {
            None => format!("{namespaces}/net"),
            Some(name) => format!("{}/run/netns/{name}", self.root()),
        };
        let namespace = File::open(&path).unwrap_or_else(|error| panic!("{}: {path}: {error}", self.name));
        let there = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root may enter a namespace");
            work()
        };
        thread::scope(|scope| scope.spawn(there).join()).expect("the work ends")
    }

    /// Runs a command until it ends, also if it fails.
    ///
    /// # Panics
    /// When it takes longer than a minute.
    #[track_caller]
    pub fn output(&self, command: &[&str]) -> Output {
        let (program, arguments) = command.split_first().expect("a command has a program");
        // Files rather than pipes: what the command leaves running may hold them open for as long as it likes.
        let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().expect("there is a /tmp"));
        let mut child = self
            .command(program)
            .args(arguments)
            .stdout(stdout.try_clone().expect("a file can be shared"))
            .stderr(stderr.try_clone().expect("a file can be shared"))
            .spawn()
            .expect("nsenter can be run");
        let Some(status) = wait(&mut child, COMMAND_DEADLINE) else {
            let _ = child.kill();
            panic!("{}: `{}` still runs after {COMMAND_DEADLINE:?}", self.name, command.join(" "));
        };
        Output { status, stdout: contents(&mut stdout), stderr: contents(&mut stderr) }
    }

    /// Runs a command that should succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails, with what it said.
    #[track_caller]
    pub fn run(&self, command: &[&str]) -> String {
        let output = self.output(command);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}: `{}` failed, {}\n{stdout}{}",
            self.name,
            command.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr),
        );
        stdout.into_owned()
    }

    /// Runs a command that should succeed, and parses what it printed as JSON.
    #[track_caller]
    pub fn json(&self, command: &[&str]) -> Value {
        let printed = self.run(command);
        serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("`{}`: {error} in:\n{printed}", command.join(" ")))
    }

    /// Runs a command that should fail, and returns what it said on standard error.
    ///
    /// # Panics
    /// When it succeeds.
    #[track_caller]
    pub fn refused(&self, command: &[&str]) -> String {
        let output = self.output(command);
        assert!(!output.status.success(), "{}: `{}` should have failed", self.name, command.join(" "));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Starts a command in the background; see [`Service`].
    #[track_caller]
    pub fn spawn(&self, command: &[&str]) -> Service {
        Service::start(self, command)
    }

    /// The socket of its agent, as this machine can reach it, whether or not the agent runs.
    pub fn socket(&self) -> PathBuf {
        format!("{}/run/weft/weft.sock", self.root()).into()
    }

    /// Asks its agent something over its socket, past the command line: for latencies, and for what no client of
    /// ours would send.
    ///
    /// # Errors
    /// When the agent does not answer within `patience`. `NotConnected`: it was not asked, since it is not there.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> io::Result<Answer> {
        let stream = UnixStream::connect(self.socket());
        let stream = stream.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        http::request(stream, method, path, body)
    }

    /// Starts `weft agent` with these arguments, and waits until it answers.
    #[track_caller]
    pub fn agent(&self, arguments: &[&str]) -> Agent {
        Agent::start(self, arguments)
    }

    /// Starts a Consul server, alone, as the guide does, and waits until it leads.
    #[track_caller]
    pub fn consul(&self) -> StoreServer {
        StoreServer::consul(self)
    }

    /// Starts a Consul server that lets nobody do anything but the token
    /// `11111111-2222-3333-4444-555555555555`, and waits until it leads.
    #[track_caller]
    pub fn guarded_consul(&self) -> StoreServer {
        StoreServer::guarded_consul(self)
    }

    /// Starts this host's server of a Consul on `hosts`, which is ready when they all are.
    #[track_caller]
    pub fn consul_among(&self, hosts: &[&Self]) -> StoreServer {
        StoreServer::consul_among(self, hosts)
    }

    /// Starts an etcd server, alone, and waits until it is healthy.
    #[track_caller]
    pub fn etcd(&self) -> StoreServer {
        StoreServer::etcd(self)
    }

    /// Installs and starts Docker, and waits until it answers. Once a host.
    #[track_caller]
    pub fn engine(&self, release: Release) -> Engine {
        Engine::start(self, release)
    }

    /// Installs Podman, with weft as its plugin. Once a host. Nothing, said loudly, where there is none.
    #[track_caller]
    pub fn podman(&self) -> Option<Podman> {
        Podman::install(self)
    }

    /// Writes a file, with the directories it is in, readable by its owner alone.
    #[track_caller]
    pub fn write(&self, path: &str, contents: &str) {
        let mut child = self
            .command("sh")
            .args(["-c", r#"mkdir -p "$(dirname "$0")" && umask 077 && cat >"$0""#, path])
            .stdin(Stdio::piped())
            .spawn()
            .expect("nsenter can be run");
        let mut stdin = child.stdin.take().expect("it was piped");
        stdin.write_all(contents.as_bytes()).expect("cat reads it");
        drop(stdin);
        assert!(child.wait().expect("cat ends").success(), "{}: cannot write {path}", self.name);
    }

    /// A file for the log of something that runs here, which goes with the world.
    pub(crate) fn new_log(&self, program: &str) -> PathBuf {
        let directory = PathBuf::from(format!("/proc/{}/root/run/lab/{}", self.lab, self.name));
        let mut names = (1..).map(|count| directory.join(format!("{program}-{count}.log")));
        names.find(|path| File::create_new(path).is_ok()).expect("there is always a next number")
    }
}

/// The `PATH` of commands on a host, where what was unpacked is installed.
pub(crate) fn search_path() -> OsString {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let mut directories = vec![built_dir()];
    directories.extend(env::split_paths(&inherited));
    directories.extend(["/usr/sbin".into(), "/sbin".into()]);
    env::join_paths(directories).expect("no directory has a colon in its name")
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut contents = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut contents)).expect("a file can be read again");
    contents
}
