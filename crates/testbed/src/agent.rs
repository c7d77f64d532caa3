//! The agent of a host.

use crate::{host::Host, http::Answer, service::Service, wait::eventually};
use serde_json::Value;
use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

/// How long an agent may take to answer.
const READY: Duration = Duration::from_secs(20);
/// How long an answer may take. The agent's own deadlines are shorter.
const ANSWER: Duration = Duration::from_secs(60);

/// A `weft agent`, which is a [`Service`] that can be started again.
#[derive(Debug)]
pub struct Agent {
    host: Host,
    program: String,
    arguments: Vec<String>,
    service: Service,
}

impl Agent {
    #[track_caller]
    pub(crate) fn start(host: &Host, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let program = "weft".to_owned();
        let service = Self::spawn(host, &program, &arguments);
        let mut agent = Self { host: host.clone(), program, arguments, service };
        agent.wait_until_ready();
        agent
    }

    #[track_caller]
    fn spawn(host: &Host, program: &str, arguments: &[String]) -> Service {
        let mut command = vec![program, "agent"];
        command.extend(arguments.iter().map(String::as_str));
        host.spawn(&command)
    }

    /// Starts it again with the arguments it had, after it was stopped or killed, and waits until it answers.
    #[track_caller]
    pub fn restart(&mut self) {
        if self.service.ended().is_none() {
            self.service.stop();
        }
        self.service = Self::spawn(&self.host, &self.program, &self.arguments);
        self.wait_until_ready();
    }

    /// Stops it, and starts it with another store.
    #[track_caller]
    pub fn turn_to(&mut self, store: &str) {
        const FLAG: &str = "--cluster-store=";
        self.arguments.retain(|argument| !argument.starts_with(FLAG));
        self.arguments.push(format!("{FLAG}{store}"));
        self.restart();
    }

    /// Stops it, and starts another program with the arguments it had, as an upgrade does.
    #[track_caller]
    pub fn upgrade(&mut self, program: &str) {
        program.clone_into(&mut self.program);
        self.restart();
    }

    /// As [`Host::ask`], with patience.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn try_request(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        self.host.ask(method, path, body, ANSWER)
    }

    /// As [`try_request`](Self::try_request), of an agent that should answer.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.try_request(method, path, body);
        answer.unwrap_or_else(|error| panic!("{}: {method} {path}: {error}", self.host.name()))
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        eventually(READY, || {
            if let Some(status) = self.service.ended() {
                panic!("{}: the agent ended, {status}", self.host.name());
            }
            // As Docker's clients ask first.
            match self.try_request("GET", "/_ping", None) {
                Ok(answer) if answer.status == 200 => Ok(()),
                other => Err(format!("{}: the agent is not ready: {other:?}", self.host.name())),
            }
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
