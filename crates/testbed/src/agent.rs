//! The agent of a host.

use crate::{host::Host, service::Service, wait::eventually};
use std::{
    io::{Read, Write},
    ops::{Deref, DerefMut},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

/// How long an agent may take to answer.
const READY: Duration = Duration::from_secs(20);

/// A `weft agent`, which is a [`Service`] that can be started again.
#[derive(Debug)]
pub struct Agent {
    host: Host,
    arguments: Vec<String>,
    service: Service,
}

impl Agent {
    #[track_caller]
    pub(crate) fn start(host: &Host, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let service = Self::spawn(host, &arguments);
        let mut agent = Self { host: host.clone(), arguments, service };
        agent.wait_until_ready();
        agent
    }

    #[track_caller]
    fn spawn(host: &Host, arguments: &[String]) -> Service {
        let mut command = vec!["weft", "agent"];
        command.extend(arguments.iter().map(String::as_str));
        host.spawn(&command)
    }

    /// Starts it again with the arguments it had, after it was stopped or killed, and waits until it answers.
    #[track_caller]
    pub fn restart(&mut self) {
        if self.service.ended().is_none() {
            self.service.stop();
        }
        self.service = Self::spawn(&self.host, &self.arguments);
        self.wait_until_ready();
    }

    /// Its socket, as this machine can reach it.
    pub fn socket(&self) -> PathBuf {
        format!("/proc/{}/root/run/weft/weft.sock", self.service.pid()).into()
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        eventually(READY, || {
            if let Some(status) = self.service.ended() {
                panic!("{}: the agent ended, {status}", self.host.name());
            }
            ping(self.socket()).map_err(|error| format!("{}: the agent: {error}", self.host.name()))
        });
    }
}

impl Deref for Agent {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl DerefMut for Agent {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.service
    }
}

/// Asks whoever listens on `socket` whether it is there, as Docker's clients do first.
fn ping(socket: PathBuf) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(READY))?;
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(std::io::Error::other(answer)) }
}
