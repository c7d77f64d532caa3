//! The stores that a cluster can have, as they come from Debian.

use crate::{host::Host, service::Service, wait::until};
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

/// How long a store may take until it can be written to. Both elect themselves first.
const READY: Duration = Duration::from_secs(40);

/// A Consul or etcd server, which is a [`Service`] with an address.
#[derive(Debug)]
pub struct StoreServer {
    url: String,
    service: Service,
}

impl StoreServer {
    #[track_caller]
    pub(crate) fn consul(host: &Host) -> Self {
        let bind = format!("-bind={}", host.address());
        let service = host.spawn(&[
            "consul",
            "agent",
            "-server",
            "-bootstrap",
            "-ui",
            "-client=0.0.0.0",
            "-data-dir=/var/lib/consul",
            // It elects itself in one second rather than in seven.
            "-hcl=performance { raft_multiplier = 1 }",
            &bind,
        ]);
        until("Consul leads", READY, || {
            // Empty quotes while there is no leader.
            fetch(host, "http://127.0.0.1:8500/v1/status/leader").contains(':')
        });
        Self { url: format!("consul://{}:8500", host.address()), service }
    }

    #[track_caller]
    pub(crate) fn etcd(host: &Host) -> Self {
        let advertise = format!("--advertise-client-urls=http://{}:2379", host.address());
        let service = host.spawn(&[
            "etcd",
            "--data-dir=/var/lib/weft-etcd",
            "--listen-client-urls=http://0.0.0.0:2379",
            &advertise,
        ]);
        until("etcd is healthy", READY, || {
            fetch(host, "http://127.0.0.1:2379/health").contains(r#""health":"true""#)
        });
        Self { url: format!("etcd://{}:2379", host.address()), service }
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

fn fetch(host: &Host, url: &str) -> String {
    let output = host.output(&["curl", "--silent", "--max-time", "2", url]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
