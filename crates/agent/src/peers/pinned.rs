//! Where the store is believed who the nodes are, agents know each other by the keys that it says they have.

use super::{
    Peers,
    ask::{AskError, ask_pinned},
    members::{read, said},
};
use rustls::{ServerConfig, pki_types::CertificateDer};
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::watch;
use weft_model::Node;
use weft_state::{credentials::OwnKey, journal::Identity, view::View};
use weft_trust::{MemberReply, MemberRequest, Pins, Subject, TrustError, pinned_server};

/// What it takes to answer agents that are known by their keys.
pub(crate) struct Pinned {
    own: Arc<OwnKey>,
    identity: Arc<Identity>,
    /// The nodes that the view has, at each moment.
    pins: Arc<Pins>,
}

impl Pinned {
    /// For the host with this key, in the cluster that `view` is of.
    pub(crate) fn new(own: Arc<OwnKey>, identity: Arc<Identity>, view: watch::Receiver<View>) -> Self {
        let pins = Pins::new(move |key| {
            let view = view.borrow();
            let (name, node) = view.cluster.as_ref()?.node_with_key(key)?;
            Some(Subject { name: name.clone(), id: node.id })
        });
        Self { own, identity, pins }
    }

    /// How to speak with them; not at all, where this host has no key.
    pub(super) fn server(&self) -> Option<Result<ServerConfig, TrustError>> {
        let own = self.own.shown(self.identity.id())?;
        Some(pinned_server(&own, Arc::clone(&self.pins)))
    }

    /// The node that has the key of the certificate that was shown, if there is one by now.
    pub(super) fn who(&self, shown: &CertificateDer<'_>) -> Option<Subject> {
        self.pins.who(shown)
    }
}

impl Peers {
    /// Does what an agent asks that is known by its key alone: nothing that takes an authority.
    ///
    /// # Errors
    /// Why not, for the other agent.
    pub(super) async fn decide_for_pinned(
        &self,
        shown: &CertificateDer<'_>,
        line: &[u8],
    ) -> Result<MemberReply, String> {
        let asker = self.pinned.as_ref().and_then(|pinned| pinned.who(shown));
        let asker = asker.ok_or("no node of the cluster has that key any more")?;
        let request = read(line)?;
        let done = match &request {
            MemberRequest::About => Ok(self.about()),
            MemberRequest::Examine(asked) => Ok(self.examine(asked).await),
            MemberRequest::Check(order) => self.check(order).await,
            MemberRequest::Renew { .. } | MemberRequest::Serve { .. } | MemberRequest::Promote { .. } => {
                let why = "the store is believed who the hosts of this cluster are (trust: store): certificates and the \
                           authority's key are for hosts that joined with a token (`weft join`)";
                Err(why.to_owned())
            }
        };
        said(&asker, &request, done)
    }
}

/// Asks the node that says `node` of itself in the store, as `own` is known there. It listens on `at`.
///
/// # Errors
/// [`AskError`]: also where what listens there does not have that node's key.
pub(crate) async fn ask_node(
    own: &weft_trust::SelfSigned,
    (whom, node): (&Subject, &Node),
    at: SocketAddr,
    request: &MemberRequest,
) -> Result<MemberReply, AskError> {
    let key = node
        .fingerprint
        .ok_or_else(|| AskError::NoKey { whom: whom.name.clone(), version: node.version.clone() })?;
    ask_pinned(own, (whom, key), at, request).await
}
