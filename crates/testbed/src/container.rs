//! What a container is to a network: a network namespace that was attached.

use crate::{engine::Engine, host::Host};
use serde_json::json;
use std::{net::Ipv4Addr, time::Duration};

/// How long an attachment may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A network namespace of a host, on a network. It needs no agent to go on, and no process is in it, unless it is
/// an engine's.
#[derive(Debug, Clone)]
pub struct Container {
    host: Host,
    name: String,
    address: Ipv4Addr,
}

impl Container {
    /// Makes the namespace `name`, and attaches it under that name.
    ///
    /// # Panics
    /// When the agent refuses.
    #[track_caller]
    pub fn attach(host: &Host, network: &str, name: &str) -> Self {
        host.run(&["ip", "netns", "add", name]);
        Self::attach_existing(host, network, name)
    }

    /// Attaches the namespace `name`, which is there already.
    #[track_caller]
    pub fn attach_existing(host: &Host, network: &str, name: &str) -> Self {
        let body = json!({"network": network, "name": name, "netns": format!("/run/netns/{name}")});
        let answer = host.ask("POST", "/weft/v1/endpoints", Some(&body), PATIENCE);
        let answer = answer.unwrap_or_else(|error| panic!("{}: attach {name}: {error}", host.name()));
        let address = answer.json()["ipv4"].as_str().and_then(|address| address.parse().ok());
        Self { host: host.clone(), name: name.to_owned(), address: address.expect("it has an address") }
    }

    /// The container `name`, which an engine runs on `network`. Its namespace gets the same name, like that of an
    /// attached container, so both can be used in the same ways.
    #[track_caller]
    pub fn of_engine(engine: &Engine, network: &str, name: &str) -> Self {
        let inspect = |what: &str| engine.docker(&format!("inspect -f {{{{{what}}}}} {name}"));
        let host = engine.host();
        // One of that name that ended has left it.
        host.output(&["ip", "netns", "delete", name]);
        host.run(&["ip", "netns", "attach", name, &inspect(".State.Pid")]);
        let address = inspect(&format!(".NetworkSettings.Networks.{network}.IPAddress"));
        let address = address.parse().expect("it has an address");
        Self { host: host.clone(), name: name.to_owned(), address }
    }

    /// Takes it off `network`, and its namespace away.
    #[track_caller]
    pub fn detach(self, network: &str) {
        self.host.run(&["weft", "detach", "--net", network, "--name", &self.name]);
        self.host.run(&["ip", "netns", "delete", &self.name]);
    }

    /// The host it is on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its name, and that of its namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address it was given.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Does `work` in its namespace; see [`Host::inside`].
    #[track_caller]
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.host.inside(Some(&self.name), work)
    }

    /// What it gets for a name now, in order; nothing if nobody answers.
    #[track_caller]
    pub fn resolve(&self, name: &str) -> Vec<Ipv4Addr> {
        let dig = ["ip", "netns", "exec", &self.name, "dig", "+short", "+time=1", "+tries=1", "@127.0.0.11"];
        let output = self.host.output(&[&dig, &[name][..]].concat());
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut addresses: Vec<_> = answer.lines().filter_map(|line| line.parse().ok()).collect();
        addresses.sort_unstable();
        addresses
    }
}
