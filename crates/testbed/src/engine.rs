//! Docker on a host: a containerd and a dockerd of its own, as Debian has them.

use crate::{
    host::Host,
    http::{self, Answer},
    need::checkout,
    service::Service,
    wait::eventually,
};
use serde_json::Value;
use std::{
    io,
    ops::{Deref, DerefMut},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Command,
    time::Duration,
};

/// How long an engine may take until it answers. It removes and restores containers first.
const READY: Duration = Duration::from_secs(40);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// Which of the engines that `scripts/tools` got. [`Engine::version`] says what they are by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// 20.10.24, as in Debian 12.
    Oldest,
    /// 28.5.2 or later, as in Debian unstable.
    Newest,
}

/// A dockerd, which is a [`Service`] that can be started again, with its containerd, which stays. It has the
/// images `busybox` and `nginx`.
#[derive(Debug)]
pub struct Engine {
    host: Host,
    dockerd: Service,
    _containerd: Service,
}

impl Engine {
    #[track_caller]
    pub(crate) fn start(host: &Host, release: Release) -> Self {
        let release = match release {
            Release::Oldest => "oldest",
            Release::Newest => "newest",
        };
        lab(&["install", &host.lab().to_string(), host.name(), release]);
        let containerd = host.spawn(&["containerd", "--log-level=warn"]);
        let mut engine =
            Self { host: host.clone(), dockerd: host.spawn(&["dockerd"]), _containerd: containerd };
        engine.wait_until_ready();
        lab(&["images", &host.lab().to_string(), host.name()]);
        engine
    }

    /// The host it is on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its version, as it says itself: `28.5.2+dfsg4`.
    #[track_caller]
    pub fn version(&self) -> String {
        self.request("GET", "/version", None).json()["Version"].as_str().unwrap_or_default().to_owned()
    }

    /// Starts dockerd again with these arguments, stopping it first if it runs, and waits until it answers.
    #[track_caller]
    pub fn restart(&mut self, arguments: &[&str]) {
        if self.dockerd.ended().is_none() {
            self.dockerd.stop();
        }
        // An engine that was killed leaves this file. The next engine would take any process that has the number by
        // then for another engine.
        self.host.run(&["rm", "-f", "/run/docker.pid"]);
        self.dockerd = self.host.spawn(&[&["dockerd"], arguments].concat());
        self.wait_until_ready();
    }

    /// Runs a line of the docker command, which should succeed, and returns what it printed, without the line's
    /// end. Words are separated by spaces, and nothing is quoted.
    #[track_caller]
    pub fn docker(&self, line: &str) -> String {
        self.host.run(&words(line)).trim_end().to_owned()
    }

    /// As [`docker`](Self::docker), of a line that should fail: what it said on standard error.
    #[track_caller]
    pub fn refused(&self, line: &str) -> String {
        self.host.refused(&words(line))
    }

    /// Whether a line of the docker command succeeds.
    #[track_caller]
    pub fn succeeds(&self, line: &str) -> bool {
        self.host.output(&words(line)).status.success()
    }

    /// Runs a line that prints JSON.
    #[track_caller]
    pub fn json(&self, line: &str) -> Value {
        self.host.json(&words(line))
    }

    /// Its socket, as this machine can reach it.
    pub fn socket(&self) -> PathBuf {
        format!("/proc/{}/root/run/docker.sock", self.dockerd.pid()).into()
    }

    /// Asks it something over its socket, past the command line.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn try_request(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(ANSWER))?;
        http::request(stream, method, path, body)
    }

    /// As [`try_request`](Self::try_request), of an engine that should answer.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.try_request(method, path, body);
        answer.unwrap_or_else(|error| panic!("{}: {method} {path}: {error}", self.host.name()))
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        eventually(READY, || {
            if let Some(status) = self.dockerd.ended() {
                panic!("{}: dockerd ended, {status}\n{}", self.host.name(), self.dockerd.log());
            }
            match self.try_request("GET", "/_ping", None) {
                Ok(answer) if answer.status == 200 => Ok(()),
                other => Err(format!("{}: dockerd is not ready: {other:?}", self.host.name())),
            }
        });
    }
}

impl Deref for Engine {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.dockerd
    }
}

impl DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.dockerd
    }
}

fn words(line: &str) -> Vec<&str> {
    ["docker"].into_iter().chain(line.split_whitespace()).collect()
}

#[track_caller]
fn lab(arguments: &[&str]) {
    let status = Command::new(checkout().join("scripts/lab")).args(arguments).status();
    assert!(status.expect("scripts/lab can be run").success(), "scripts/lab {arguments:?} failed");
}
