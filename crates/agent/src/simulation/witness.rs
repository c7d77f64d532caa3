//! A way to the store that watches what its node asks of it.

use super::{life::Life, transcript::Transcript, turns};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{
    fmt::Debug,
    net::IpAddr,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};
use weft_datapath::Fake;
use weft_model::{Key, Keyspace, NodeName};
use weft_plan::{Carrier, Kind, Link, Netns};
use weft_state::journal::Identity;
use weft_store::{
    Asker, CommitError, Condition, Listing, Mark, MemoryStore, Op, Revision, SessionId, Store, StoreEntry,
    StoreError, Txn, Update,
};
use weft_trust::{Subject, WriteRules};

/// A node's way to the store. It notes what is asked, and every address that the node gives back while its kernel
/// still has it. The agent may die of any call, before it is made or before the answer is heard.
pub(super) struct Witness {
    pub(super) node: NodeName,
    pub(super) store: MemoryStore,
    /// Which installation asks, once it is known.
    pub(super) identity: Arc<OnceLock<Weak<Identity>>>,
    /// What each may write.
    pub(super) rules: Arc<WriteRules>,
    pub(super) called: String,
    pub(super) kernel: Arc<Fake>,
    pub(super) life: Arc<Life>,
    pub(super) record: Transcript,
    pub(super) seen: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    async fn ask<T: Debug, E: Debug>(
        &self,
        what: impl Fn() -> String,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.survive().await;
        if is_in_clear(&self.kernel) {
            self.seen.lock().unwrap().push("an encrypted network is served in clear".to_owned());
        }
        let answer = call.await;
        self.record.tell_in_full(|| match &answer {
            Ok(answer) => format!("{}: {}: {answer:?}", self.node, what()),
            Err(error) => format!("{}: {}: {error:?}", self.node, what()),
        });
        self.survive().await;
        answer
    }

    /// The store, which holds the node to what it may write.
    fn own(&self) -> MemoryStore {
        match self.identity.get().and_then(Weak::upgrade) {
            Some(identity) => self.store.asked_by(Asker::new(
                Subject { name: self.node.clone(), id: identity.id() },
                Arc::clone(&self.rules),
            )),
            None => self.store.clone(),
        }
    }

    /// No agent asks for what it may not.
    fn look_at_refusal(&self, error: &StoreError) {
        if let StoreError::Refused { reason, .. } = error {
            self.seen.lock().unwrap().push(format!("refused: {reason}"));
        }
    }

    /// Does not return if the agent's life is over by now.
    async fn survive(&self) {
        if self.life.passes() {
            turns::bury(&self.life);
            std::future::pending().await
        }
    }

    fn look_at(&self, txn: &Txn) {
        // What is taken from a node that is down is not this one's.
        let own = format!("/live/{}", self.node);
        let of_another = |key: &str| key.contains("/live/") && !key.ends_with(&own);
        if txn.ops.iter().any(|op| matches!(op, Op::Check { key, .. } if of_another(key))) {
            return;
        }
        for op in &txn.ops {
            if let Op::Delete { key, .. } = op
                && let Ok(Key::Claim(_, address)) = Keyspace::new("weft").parse(key)
                && holds(&self.kernel, address)
            {
                self.seen.lock().unwrap().push(format!("{address} is given back while the kernel has it"));
            }
        }
    }
}

/// The VNI of the network that is encrypted, wherever there is one.
pub(super) const ENCRYPTED: u32 = 0xe2e;

/// Whether the packets of the encrypted network would leave a host as they are.
fn is_in_clear(kernel: &Fake) -> bool {
    let clear = |link: &Link| matches!(link.kind, Kind::Vxlan { vni, carrier: Carrier::Host, .. } if vni.get() == ENCRYPTED);
    kernel.kernel(|kernel| {
        let mut links = kernel.namespaces.values().flat_map(|namespace| namespace.links.values());
        links.any(clear)
    })
}

/// Whether a container can use an address: both ends of its link are up.
pub(super) fn holds(kernel: &Fake, address: IpAddr) -> bool {
    let has = |link: &Link| {
        link.up && Link::is_ours(link.alias.as_deref()) && link.addresses.iter().any(|a| a.addr() == address)
    };
    kernel.kernel(|kernel| {
        let links_in = |segments: bool| {
            let places = kernel.namespaces.iter();
            let places = places.filter(move |(place, _)| matches!(place, Netns::Segment(_)) == segments);
            places.flat_map(|(_, namespace)| namespace.links.values())
        };
        let is_connected = |link: &Link| {
            links_in(true).any(|near| near.up && near.port.is_some() && near.alias == link.alias)
        };
        links_in(false).any(|link| has(link) && is_connected(link))
    })
}

/// A transaction in a line: what is checked, written and deleted.
fn show(txn: &Txn) -> String {
    let ops = txn.ops.iter().map(|op| {
        let (verb, value) = match op {
            Op::Check { .. } => ("check", String::new()),
            Op::Put { value, .. } => ("put", format!(" = {}", String::from_utf8_lossy(value))),
            Op::Delete { .. } => ("delete", String::new()),
        };
        let condition = match op.condition() {
            Condition::Always => String::new(),
            condition => format!(" if {condition:?}"),
        };
        format!("{verb} {}{value}{condition}", op.key())
    });
    ops.collect::<Vec<_>>().join("; ")
}

#[async_trait]
impl Store for Witness {
    fn describe(&self) -> String {
        self.called.clone()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        let list = async { self.store.list(prefix).await.map(Brief) };
        self.ask(|| format!("list {prefix}"), list).await.map(|Brief(listing)| listing)
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        self.ask(|| format!("get {key}"), self.store.get(key)).await
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        self.ask(|| format!("mark {prefix}"), self.store.mark(prefix)).await
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        self.store.watch(prefix, revision)
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        self.look_at(&txn);
        let answer = self.ask(|| show(&txn), self.own().commit(txn.clone())).await;
        if let Err(CommitError::Store(error)) = &answer {
            self.look_at_refusal(error);
        }
        answer
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.ask(|| "open a session".to_owned(), self.own().open_session(ttl)).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        let answer = self.ask(|| format!("renew {session}"), self.own().renew_session(session)).await;
        answer.inspect_err(|error| self.look_at_refusal(error))
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        let answer = self.ask(|| format!("close {session}"), self.own().close_session(session)).await;
        answer.inspect_err(|error| self.look_at_refusal(error))
    }
}

/// A listing that shows itself by its revision.
struct Brief(Listing);

impl Debug for Brief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys as of {}", self.0.entries.len(), self.0.revision.0)
    }
}
