//! This node's own end of the tunnels: its secret, on its disk.

use crate::{credentials::Credentials, env::Env, journal::JournalError};
use std::{
    net::Ipv6Addr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use weft_model::{NodeId, TunnelKey};
use weft_trust::{TunnelSecret, tunnel_address};

/// What this node encrypts with, as its installation: a copy of the data directory, which becomes another one, has another
/// secret.
pub struct OwnTunnel {
    credentials: Credentials,
    env: Arc<Env>,
    last: Mutex<Option<OwnEnd>>,
}

/// This node's end.
#[derive(Debug, Clone)]
pub struct OwnEnd {
    /// Whose it is.
    pub node: NodeId,
    /// Its secret.
    pub secret: TunnelSecret,
    /// The public half of it.
    pub key: TunnelKey,
    /// Its address inside of the tunnels.
    pub address: Ipv6Addr,
}

impl OwnTunnel {
    /// That of the node in `data_dir`.
    pub fn of(data_dir: &Path, env: &Arc<Env>) -> Self {
        Self { credentials: Credentials::of(data_dir), env: Arc::clone(env), last: Mutex::default() }
    }

    /// The end of `node`, whose secret is made the first time. Nothing if it cannot be read or written: then nothing is
    /// encrypted here, which is said once.
    pub fn end(&self, node: NodeId) -> Option<OwnEnd> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|last| last.node != node) {
            *last = self.read(node).inspect_err(warn).ok();
        }
        last.clone()
    }

    fn read(&self, node: NodeId) -> Result<OwnEnd, JournalError> {
        let secret =
            self.credentials.tunnel_secret(node, || self.env.random(|rng| TunnelSecret::random(rng)))?;
        let key = secret.public().map_err(|error| self.credentials.not_a_tunnel_key(error))?;
        Ok(OwnEnd { node, secret, key, address: tunnel_address(&node) })
    }
}

fn warn(error: &JournalError) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| tracing::warn!(%error, "this host cannot encrypt: it has no key for that"));
}
