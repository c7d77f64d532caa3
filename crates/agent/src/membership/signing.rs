//! This node's record, signed: others believe it whoever keeps the store.

use crate::config::AgentConfig;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weft_model::{KeyFingerprint, Node, NodeId, NodeName, NodeStatement, SignedStatement, Trust, chain};
use weft_state::{
    cluster::Cluster,
    credentials::{Credentials, OwnKey},
    journal::JournalError,
};
use weft_trust::{Member, Subject, Told, TrustError};

/// Why an agent does not begin that is to believe nodes alone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// Nobody would believe it, and it could believe nobody.
    #[error(
        "trust is \"signed\", and this host has no certificate of a cluster: run `weft join` here with a token (`weft node \
         token`, on a host of the cluster), or `weft init` if it is the first. Without either, take `trust` out of the \
         configuration file, and the store is believed who the nodes are"
    )]
    NoCertificate,
    /// Its files.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What is in them.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Signs the record of this node, if the host has a certificate.
pub(crate) struct Signer {
    credentials: Credentials,
    name: NodeName,
    trust: Trust,
    /// By which other agents know it, where they believe the store.
    own_key: Option<Arc<OwnKey>>,
    /// What it was told of the nodes when it joined.
    told: Told,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    member: Option<Arc<Member>>,
    /// Whether this host has the authority's key.
    authority: bool,
    /// What was signed last; nothing while nothing can be.
    said: Option<SignedStatement>,
}

impl Signer {
    /// With what is in the data directory.
    ///
    /// # Errors
    /// If records have to be signed, and cannot be.
    pub(crate) fn open(config: &AgentConfig) -> Result<Self, SigningError> {
        let credentials = Credentials::of(&config.data_dir);
        let found = match (credentials.member().map_err(SigningError::from), config.trust) {
            (Ok(None), Trust::Signed) => return Err(SigningError::NoCertificate),
            (Ok(found), _) => found,
            (Err(error), Trust::Signed) => return Err(error),
            (Err(error), Trust::Store) => {
                tracing::warn!(
                    error = chain(&error),
                    "this host's certificate cannot be used: its record is not signed"
                );
                None
            }
        };
        let told = if found.is_some() { credentials.told()? } else { Told::default() };
        let authority = credentials.has_authority();
        let now = Mutex::new(Now { member: found.map(Arc::new), authority, said: None });
        Ok(Self {
            credentials,
            name: config.node_name.clone(),
            trust: config.trust,
            own_key: None,
            told,
            now,
        })
    }

    /// The same for a node that others know by this key.
    pub(crate) fn known_by(self, own_key: Option<Arc<OwnKey>>) -> Self {
        Self { own_key, ..self }
    }

    /// By which key others know this node as the installation `id`.
    pub(super) fn fingerprint(&self, id: NodeId) -> Option<KeyFingerprint> {
        self.own_key.as_ref()?.fingerprint(id)
    }

    /// A cluster of which as much is believed as this host believes of it.
    pub(crate) fn judged(&self, cluster: Cluster) -> Cluster {
        let believed = self.lock().member.as_ref().map(|member| Arc::new(member.authorities().clone()));
        cluster.told(self.told.clone()).trusting(believed.filter(|_| self.trust == Trust::Signed).as_ref())
    }

    /// Whether what this node last wrote was signed.
    pub(super) fn signs(&self) -> bool {
        self.lock().said.is_some()
    }

    /// Whether a record has what this node signed last, if it signs.
    pub(super) fn is_in(&self, node: &Node) -> bool {
        self.lock().said == node.signed
    }

    /// Whether a record that the store has under this node's name is none of this node's, and is no other's either.
    pub(super) fn is_a_lie(&self, node: Option<&Node>) -> bool {
        self.trust == Trust::Signed && node.is_none_or(|node| self.number_of(node).is_none())
    }

    /// The number of the statement in a record under this node's name, if it is good.
    pub(super) fn number_of(&self, node: &Node) -> Option<u64> {
        let member = self.lock().member.clone()?;
        let statement = member.authorities().believe(&self.name, node.signed.as_ref()?);
        statement.ok().map(|statement| statement.serial)
    }

    /// Whether this host may let others in.
    pub(super) fn holds_authority(&self) -> bool {
        self.lock().authority
    }

    /// Notices a new certificate, and the authority's key. Returns whether there is something new. What cannot be read now is as
    /// it was.
    pub(super) fn look_again(&self) -> bool {
        let Ok(Some(member)) = self.credentials.member() else { return false };
        let mut now = self.lock();
        let had = std::mem::replace(&mut now.authority, self.credentials.has_authority());
        let Some(before) = now.member.take() else { return had != now.authority };
        let is_another = before.certificate() != member.certificate();
        // With the same certificate, too: it may believe other authorities by now.
        now.member = Some(Arc::new(member));
        is_another || had != now.authority
    }

    /// The record with what this node says of itself, signed: as it said it last where that is still so, and the store has it
    /// or this run said it; with a number above `known` otherwise. What only the disk has may be of a backup, and others may
    /// know of later ones. It is on the disk before it is anywhere else.
    ///
    /// # Errors
    /// If it cannot be signed, or be written down.
    pub(super) fn sign(
        &self,
        node: Node,
        (known, stored): (u64, Option<&SignedStatement>),
        time: Timestamp,
    ) -> Result<Node, SigningError> {
        let Some(member) = self.lock().member.clone() else { return Ok(Node { signed: None, ..node }) };
        if member.subject()? != (Subject { name: self.name.clone(), id: node.id }) {
            tracing::warn!(
                node = %self.name,
                "the certificate of this host is another node's: its record is not signed (join with a token again)"
            );
            self.lock().said = None;
            return Ok(Node { signed: None, ..node });
        }
        let last = self.credentials.statement()?;
        let is_current = last.is_some() && (last.as_ref() == stored || last == self.lock().said);
        let statement =
            last.as_ref().and_then(|last| serde_json::from_str::<NodeStatement>(&last.statement).ok());
        let number = statement.as_ref().map_or(0, |statement| statement.serial);
        let holds =
            statement.is_some_and(|it| it.is_what_says(&node) && it.name == self.name && it.serial >= known);
        let signed = match last.filter(|last| is_current && holds && last.certificate == member.certificate())
        {
            Some(last) => last,
            None => {
                // By the clock, so that a host set up anew under a name does not begin below the one before.
                let by_clock = u64::try_from(time.as_second()).unwrap_or_default();
                let signed = member.sign(&self.name, &node, (known.max(number) + 1).max(by_clock))?;
                self.credentials.keep_statement(&signed)?;
                signed
            }
        };
        self.lock().said = Some(signed.clone());
        Ok(Node { signed: Some(signed), ..node })
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
