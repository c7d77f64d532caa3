//! A store in etcd, over the JSON gateway of its v3 API: <https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/>.
//!
//! For 3.4 and later. A session is a lease.

mod client;
mod txn;
mod watch;
mod wire;

pub use client::EtcdUser;

use crate::{
    CommitError, Listing, Mark, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
    http::{Connections, Http, HttpError, Named, Patience, TlsFiles},
    limits,
};
use async_trait::async_trait;
use client::{Client, Kind, NoAnswer};
use futures::stream::BoxStream;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use txn::FailedOn;
use wire::{
    Bytes, Int, KeyValue, LeaseResponse, MarkRequest, RangeRequest, RangeResponse, Streamed, TxnResponse,
    end_of, start_of,
};

/// How many keys are asked for at once: the gateway takes 4 MiB from its server (gRPC's default), and
/// records have some hundred bytes.
const PAGE: i64 = 2000;
/// How often a transaction is tried again when the sessions of its keys changed meanwhile.
const MAX_GUESSES: usize = 8;

/// Where an etcd is and how to speak to it.
#[derive(Debug, Clone)]
pub struct EtcdConfig {
    /// Its servers as `host:port`; tried in turn.
    pub servers: Vec<String>,
    /// TLS, if it is to be used.
    pub tls: Option<TlsFiles>,
    /// The user to log in as, if etcd requires one.
    pub user: Option<EtcdUser>,
}

/// A store in etcd.
#[derive(Debug, Clone)]
pub struct EtcdStore {
    client: Arc<Client>,
}

#[derive(Serialize)]
struct Lease {
    #[serde(rename = "ID")]
    id: Int,
}

impl EtcdStore {
    /// A client. Connects to nothing yet.
    ///
    /// # Errors
    /// [`HttpError`] if a server's name is not valid, or a file for TLS cannot be used.
    pub fn new(config: &EtcdConfig) -> Result<Self, HttpError> {
        let http = Http::new(&config.servers, config.tls.as_ref())?;
        let scheme = if config.tls.is_some() { "etcd+tls" } else { "etcd" };
        let name = Named::new(scheme, "etcd", &config.servers);
        Ok(Self { client: Arc::new(Client::new(http, name, config.user.clone())) })
    }

    /// Its connections.
    pub fn connections(&self) -> Connections {
        self.client.connections()
    }

    async fn range(&self, doing: &'static str, request: &RangeRequest) -> Result<RangeResponse, StoreError> {
        // A page of a listing takes longer when every node asks for one at the same time.
        let patience = if request.limit.0 > 0 { Patience::long(Duration::ZERO) } else { Patience::SMALL };
        let range = self.client.ask_for((Kind::Read, doing), "/v3/kv/range", request, patience).await;
        range.map_err(|failure| self.store_error(doing, failure))
    }

    /// All keys under `prefix`: from any server that is no older than [`seen`](Store::view), or as they are now.
    async fn pages(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        let mut request = RangeRequest {
            key: start_of(prefix),
            range_end: end_of(prefix),
            limit: Int(PAGE),
            serializable: seen.is_some(),
            ..RangeRequest::default()
        };
        let mut entries = Vec::new();
        loop {
            let mut page = self.range("list", &request).await?;
            if request.revision.0 == 0 {
                if request.serializable && seen > Some(page.header.revision.revision()) {
                    request.serializable = false;
                    continue;
                }
                // The other pages are of the same moment as the first.
                request.revision = page.header.revision;
            }
            let last = page.kvs.last().map(|kv| kv.key.0.clone());
            entries.extend(page.kvs.drain(..).filter_map(KeyValue::entry));
            match last {
                Some(mut next) if page.more => {
                    next.push(0);
                    request.key = Bytes(next);
                }
                _ => return Ok(Listing { entries, revision: request.revision.revision() }),
            }
        }
    }

    fn refused(&self, doing: &'static str, reason: String) -> StoreError {
        self.client.store.refused(doing, reason)
    }

    /// For calls that name nothing that might not exist.
    fn store_error(&self, doing: &'static str, failure: NoAnswer) -> StoreError {
        match failure {
            NoAnswer::NotFound(reason) => self.refused(doing, reason),
            NoAnswer::Store(error) => error,
        }
    }
}

#[async_trait]
impl Store for EtcdStore {
    fn describe(&self) -> String {
        self.client.name().to_owned()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| self.refused("list", reason))?;
        self.pages(prefix, None).await
    }

    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| self.refused("list", reason))?;
        self.pages(prefix, seen).await
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        limits::check_key(key).map_err(|reason| self.refused("get", reason))?;
        let request = RangeRequest { key: Bytes::of(key), ..RangeRequest::default() };
        let range = self.range("get", &request).await?;
        Ok(range.kvs.into_iter().find_map(KeyValue::entry))
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        const DOING: &str = "mark";
        limits::check_prefix(prefix).map_err(|reason| self.refused(DOING, reason))?;
        // The revision is that of all that etcd has, and a watch hears of what is under its prefix only: so that one
        // can tell, the key that was written last, and how many there are.
        let request = MarkRequest {
            key: start_of(prefix),
            range_end: end_of(prefix),
            limit: Int(1),
            sort_order: "DESCEND",
            sort_target: "MOD",
            keys_only: true,
        };
        let range = self.client.ask((Kind::Read, DOING), "/v3/kv/range", &request).await;
        let range: RangeResponse = range.map_err(|failure| self.store_error(DOING, failure))?;
        Ok(Mark {
            now: range.header.revision.revision(),
            written: range.kvs.first().map(|kv| kv.mod_revision.revision()).unwrap_or_default(),
            keys: range.count.revision().0,
        })
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        if let Err(reason) = limits::check_prefix(prefix) {
            let refused = self.refused("watch", reason);
            return Box::pin(futures::stream::once(async { Err(refused) }));
        }
        watch::watch(self.clone(), prefix, revision)
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        const DOING: &str = "commit";
        limits::check_txn(&txn).map_err(|reason| self.refused(DOING, reason))?;
        let foreign = txn::bound_keys(&txn.ops, |session| Int::from_session(session).is_none());
        if !foreign.is_empty() {
            return Err(CommitError::Conflict { keys: foreign });
        }
        let mut known = FailedOn::new();
        for _ in 0..MAX_GUESSES {
            let request = txn::request(&txn.ops, &known);
            let answer = self.client.ask((Kind::Write, DOING), "/v3/kv/txn", &request).await;
            let answer: TxnResponse = match answer {
                Ok(answer) => answer,
                // A lease that has ended; etcd does not say which.
                Err(NoAnswer::NotFound(_)) => {
                    return Err(CommitError::Conflict { keys: txn::bound_keys(&txn.ops, |_| true) });
                }
                Err(NoAnswer::Store(error)) => return Err(error.into()),
            };
            if answer.succeeded {
                return Ok(());
            }
            let kvs = answer.responses.into_iter().flat_map(|response| response.response_range.kvs);
            let entries = kvs.filter_map(KeyValue::entry);
            known = entries.map(|entry| (entry.key.clone(), entry)).collect();
            let keys = txn::conflicts(&txn.ops, &known);
            if !keys.is_empty() {
                return Err(CommitError::Conflict { keys });
            }
        }
        Err(CommitError::Conflict { keys: txn::bound_keys(&txn.ops, |_| true) })
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        const DOING: &str = "open a session";
        #[derive(Serialize)]
        struct Grant {
            #[serde(rename = "TTL")]
            ttl: Int,
        }
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let grant = Grant { ttl: Int(i64::try_from(seconds.max(1)).unwrap_or(i64::MAX)) };
        let lease = self.client.ask((Kind::Write, DOING), "/v3/lease/grant", &grant).await;
        let lease: LeaseResponse = lease.map_err(|failure| self.store_error(DOING, failure))?;
        if lease.id.0 == 0 {
            return Err(self.client.store.malformed(DOING, "it has no lease".into()));
        }
        Ok(SessionId(lease.id.0.to_string()))
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        const DOING: &str = "renew a session";
        let Some(id) = Int::from_session(session) else { return Ok(false) };
        let renewed = self.client.ask((Kind::Write, DOING), "/v3/lease/keepalive", &Lease { id }).await;
        let renewed: Streamed<LeaseResponse> = match renewed {
            Ok(renewed) => renewed,
            Err(NoAnswer::NotFound(_)) => return Ok(false),
            Err(NoAnswer::Store(error)) => return Err(error),
        };
        match renewed.error {
            Some(error) => Err(self.client.store.unavailable(DOING, error.reason().into())),
            None if renewed.result.id != id => {
                Err(self.client.store.malformed(DOING, "it is not of this lease".into()))
            }
            None => Ok(renewed.result.ttl.0 > 0),
        }
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        const DOING: &str = "close a session";
        let Some(id) = Int::from_session(session) else { return Ok(()) };
        let revoked = self.client.ask((Kind::Write, DOING), "/v3/lease/revoke", &Lease { id }).await;
        match revoked {
            Ok(serde_json::Value::Object(_)) | Err(NoAnswer::NotFound(_)) => Ok(()),
            Ok(other) => Err(self.client.store.malformed(DOING, other.to_string())),
            Err(NoAnswer::Store(error)) => Err(error),
        }
    }
}
