//! The stores that a cluster can have, as they come from Debian.

use crate::{
    host::Host,
    service::Service,
    wait::{eventually, until},
};
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

/// How long a store may take until it can be written to. Both elect themselves first.
const READY: Duration = Duration::from_secs(40);

/// A Consul or etcd server, which is a [`Service`] with an address that can be started again.
#[derive(Debug)]
pub struct StoreServer {
    host: Host,
    kind: Kind,
    url: String,
    command: Vec<String>,
    service: Service,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Consul,
    Etcd,
}

impl Kind {
    /// Where it keeps what it has.
    fn data_dir(self) -> &'static str {
        match self {
            Self::Consul => "/var/lib/consul",
            Self::Etcd => "/var/lib/weft-etcd",
        }
    }
}

impl StoreServer {
    /// Consul, alone, as the guide has it.
    #[track_caller]
    pub(crate) fn consul(host: &Host) -> Self {
        let server = Self::start(host, Kind::Consul, consul(host, &["-bootstrap".to_owned()]));
        server.wait_until_ready();
        server
    }

    /// The same, where only a master token may do anything.
    #[track_caller]
    pub(crate) fn guarded_consul(host: &Host) -> Self {
        let rules = "enabled = true\n default_policy = \"deny\"\n enable_key_list_policy = true\n";
        let master = "tokens { master = \"11111111-2222-3333-4444-555555555555\" }";
        let options = ["-bootstrap".to_owned(), format!("-hcl=acl {{ {rules} {master} }}")];
        let server = Self::start(host, Kind::Consul, consul(host, &options));
        server.wait_until_ready();
        server
    }

    /// One of the servers of a Consul on `hosts`; it is ready when they all are.
    #[track_caller]
    pub(crate) fn consul_among(host: &Host, hosts: &[&Host]) -> Self {
        let mut options = vec![format!("-bootstrap-expect={}", hosts.len())];
        options.extend(hosts.iter().map(|other| format!("-retry-join={}", other.address())));
        // Servers find each other again soon after they were away.
        options.push("-retry-interval=1s".to_owned());
        Self::start(host, Kind::Consul, consul(host, &options))
    }

    #[track_caller]
    pub(crate) fn etcd(host: &Host) -> Self {
        let command = [
            "etcd".to_owned(),
            format!("--data-dir={}", Kind::Etcd.data_dir()),
            "--listen-client-urls=http://0.0.0.0:2379".to_owned(),
            format!("--advertise-client-urls=http://{}:2379", host.address()),
        ];
        let server = Self::start(host, Kind::Etcd, command.into());
        server.wait_until_ready();
        server
    }

    #[track_caller]
    fn start(host: &Host, kind: Kind, command: Vec<String>) -> Self {
        let service = spawn(host, &command);
        let url = match kind {
            Kind::Consul => format!("consul://{}:8500", host.address()),
            Kind::Etcd => format!("etcd://{}:2379", host.address()),
        };
        Self { host: host.clone(), kind, url, command, service }
    }

    /// Starts it again as it was, after it ended, and waits until it can be written to.
    #[track_caller]
    pub fn restart(&mut self) {
        self.rejoin();
        self.wait_until_ready();
    }

    /// Starts a stopped server of a store again with the same data. Does not wait for it: other servers may have to
    /// come back first.
    #[track_caller]
    pub fn rejoin(&mut self) {
        assert!(self.ended().is_some(), "{}: the store still runs", self.host.name());
        self.service = spawn(&self.host, &self.command);
    }

    /// Removes all it has, after it ended.
    #[track_caller]
    pub fn wipe(&mut self) {
        assert!(self.ended().is_some(), "{}: the store still runs", self.host.name());
        self.host.run(&["rm", "-rf", self.kind.data_dir()]);
    }

    /// Waits until it can be written to.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        match self.kind {
            Kind::Consul => drop(eventually(READY, || leader(&self.host).ok_or("Consul does not lead"))),
            Kind::Etcd => until("etcd is healthy", READY, || {
                fetch(&self.host, "http://127.0.0.1:2379/health").contains(r#""health":"true""#)
            }),
        }
    }

    /// The host it is on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The address of the server that leads, as this one has it; `None` while none does.
    pub fn leader(&self) -> Option<String> {
        leader(&self.host)
    }

    /// What `--cluster-store` takes.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Deref for StoreServer {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

impl DerefMut for StoreServer {
    fn deref_mut(&mut self) -> &mut Service {
        &mut self.service
    }
}

fn consul(host: &Host, options: &[String]) -> Vec<String> {
    let always = [
        "consul".to_owned(),
        "agent".to_owned(),
        "-server".to_owned(),
        "-ui".to_owned(),
        "-client=0.0.0.0".to_owned(),
        format!("-data-dir={}", Kind::Consul.data_dir()),
        // It elects itself in one second rather than in seven.
        "-hcl=performance { raft_multiplier = 1 }".to_owned(),
        format!("-bind={}", host.address()),
    ];
    [&always, options].concat()
}

#[track_caller]
fn spawn(host: &Host, command: &[String]) -> Service {
    host.spawn(&command.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The Raft address of the leader that Consul's server on `host` knows of.
fn leader(host: &Host) -> Option<String> {
    let answer = fetch(host, "http://127.0.0.1:8500/v1/status/leader");
    // Empty quotes while there is none.
    answer.contains(':').then(|| answer.trim().trim_matches('"').to_owned())
}

fn fetch(host: &Host, url: &str) -> String {
    let output = host.output(&["curl", "--silent", "--max-time", "2", url]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
