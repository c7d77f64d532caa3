//! A store in Consul, over its HTTP API: <https://developer.hashicorp.com/consul/api-docs>.
//!
//! Written for 1.8 and later; [`serve`](crate::serve) answers it too.

mod client;
mod objects;
mod seen;
mod tree;
mod txn;
mod watch;
mod wire;

use crate::{
    CommitError, Listing, Mark, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
    http::{Connections, Http, HttpError, MemberFiles, Named, Patience, Secret, TlsFiles},
    limits,
};
use async_trait::async_trait;
use client::{Client, encode};
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};
use tree::Tree;
use txn::{TxnFailure, TxnPlan};
use wire::{CreatedSession, NewSession, TxnAnswer};

/// Where a Consul is and how to speak to it.
#[derive(Debug, Clone)]
pub struct ConsulConfig {
    /// Its servers, or agents in front of them, as `host:port`; tried in turn.
    pub servers: Vec<String>,
    /// TLS, if it is to be used.
    pub tls: Option<TlsFiles>,
    /// The ACL token.
    pub token: Option<Secret>,
}

/// A store in Consul.
#[derive(Debug, Clone)]
pub struct ConsulStore {
    client: Arc<Client>,
    tree: Arc<Tree>,
}

impl ConsulStore {
    /// A client. Connects to nothing yet.
    ///
    /// # Errors
    /// [`HttpError`] if a server's name is not valid, or a file for TLS cannot be used.
    pub fn new(config: &ConsulConfig) -> Result<Self, HttpError> {
        let http = Http::new(&config.servers, config.tls.as_ref())?;
        let scheme = if config.tls.is_some() { "consul+tls" } else { "consul" };
        let name = Named::new(scheme, "Consul", &config.servers);
        let client = Arc::new(Client::new(http, name, config.token.as_ref()));
        Ok(Self { client, tree: Arc::default() })
    }

    /// A client of a store that an agent serves to members of its cluster, with the files of one. Connects to nothing yet.
    ///
    /// # Errors
    /// [`HttpError`] if a server's name is not valid, or a file cannot be used.
    pub fn of_member(servers: &[String], files: &MemberFiles) -> Result<Self, HttpError> {
        let (http, name) = (Http::of_member(servers, files)?, Named::new("weft", "the store", servers));
        let client = Arc::new(Client::new(http, name, None));
        Ok(Self { client, tree: Arc::default() })
    }

    /// Its connections.
    pub fn connections(&self) -> Connections {
        self.client.connections()
    }

    fn refused(&self, doing: &'static str, reason: String) -> StoreError {
        self.client.store.refused(doing, reason)
    }

    async fn listing(&self, doing: &'static str, path: &str) -> Result<Listing, StoreError> {
        let keys = self.client.read(doing, path, Patience::long(Duration::ZERO)).await?;
        let (revision, mut entries) = (Revision(keys.index), Vec::new());
        keys.read(|pair| pair.entry().map(|entry| entries.push(entry))).await?;
        entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(Listing { entries, revision })
    }
}

#[async_trait]
impl Store for ConsulStore {
    fn describe(&self) -> String {
        self.client.name().to_owned()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| self.refused("list", reason))?;
        let path = format!("/v1/kv/{}?recurse&consistent", encode(prefix));
        self.listing("list", &path).await
    }

    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| self.refused("list", reason))?;
        self.tree.view(&self.client, prefix, seen).await
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        limits::check_key(key).map_err(|reason| self.refused("get", reason))?;
        let path = format!("/v1/kv/{}?consistent", encode(key));
        let mut found = None;
        let keys = self.client.read("get", &path, Patience::SMALL).await?;
        keys.read(|pair| pair.entry().map(|entry| found = Some(entry))).await?;
        Ok(found)
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| self.refused("mark", reason))?;
        self.tree.mark(&self.client, prefix).await
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        if let Err(reason) = limits::check_prefix(prefix) {
            let refused = self.refused("watch", reason);
            return Box::pin(futures::stream::once(async { Err(refused) }));
        }
        watch::watch(Arc::clone(&self.client), Arc::clone(&self.tree), prefix, revision)
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        const DOING: &str = "commit";
        limits::check_txn(&txn).map_err(|reason| self.refused(DOING, reason))?;
        let plan = TxnPlan::new(&txn.ops);
        if plan.ops.is_empty() {
            return Ok(());
        }
        let body = serde_json::to_vec(&plan.ops).map_err(|error| self.refused(DOING, error.to_string()))?;
        let answer = self.client.put(DOING, "/v1/txn", body).await?;
        match answer.status {
            200 => return Ok(()),
            409 => {}
            status => {
                let reason = format!("status {status}; is this a Consul server?");
                return Err(self.client.store.malformed(DOING, reason).into());
            }
        }
        let answer: TxnAnswer = serde_json::from_slice(&answer.body)
            .map_err(|error| self.client.store.malformed(DOING, error.to_string()))?;
        Err(match plan.failure(&answer.errors.unwrap_or_default()) {
            TxnFailure::Conflict(keys) => CommitError::Conflict { keys },
            TxnFailure::Refused(reason) => self.refused(DOING, reason).into(),
            TxnFailure::Malformed(reason) => self.client.store.malformed(DOING, reason).into(),
        })
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        const DOING: &str = "open a session";
        let session = NewSession {
            name: "weft",
            behavior: "delete",
            lock_delay: "0s",
            ttl: format!("{}ms", ttl.as_millis()),
            checks: [],
            node_checks: [],
        };
        let body = serde_json::to_vec(&session).map_err(|error| self.refused(DOING, error.to_string()))?;
        let answer = self.client.put(DOING, "/v1/session/create", body).await?;
        let created: CreatedSession = serde_json::from_slice(&answer.body)
            .map_err(|error| self.client.store.malformed(DOING, format!("{error}: {}", answer.text())))?;
        Ok(SessionId(created.id))
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        const DOING: &str = "renew a session";
        let path = format!("/v1/session/renew/{}", encode(&session.0));
        let answer = self.client.put(DOING, &path, Vec::new()).await?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            status => Err(self.client.store.malformed(DOING, format!("status {status}: {}", answer.text()))),
        }
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        const DOING: &str = "close a session";
        let path = format!("/v1/session/destroy/{}", encode(&session.0));
        let answer = self.client.put(DOING, &path, Vec::new()).await?;
        match answer.status {
            200 => Ok(()),
            status => Err(self.client.store.malformed(DOING, format!("status {status}: {}", answer.text()))),
        }
    }
}
