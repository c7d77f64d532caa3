//! This host's certificate, as it is at the moment.

use crate::membership::SigningError;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokio::sync::{Notify, watch};
use weft_model::{Keyspace, NodeId, NodeName, Revocation, Trust, chain};
use weft_state::{credentials::Credentials, view::View};
use weft_store::{
    Asker,
    serve::{Members, ServerTls},
};
use weft_trust::{Authorities, Barred, Member, TrustError, WriteRules, server, store_server};

/// Who this host is to others, wherever it listens. It changes when the certificate is renewed.
pub(crate) struct OwnCertificate {
    pub(crate) credentials: Credentials,
    configs: ArcSwap<Configs>,
    /// Who is let in nowhere, whatever certificate it has.
    pub(crate) barred: Arc<Barred>,
    followed: Mutex<Followed>,
    /// Who writes what in the store that this host serves, if it does.
    rules: OnceLock<Arc<WriteRules>>,
    /// Told when the certificate is to be renewed.
    pub(super) due: Notify,
    /// Changes with the authorities that are believed.
    pub(crate) changed: watch::Sender<()>,
}

/// What was written down last of whom to believe.
#[derive(Default)]
struct Followed {
    revoked: BTreeMap<NodeId, Revocation>,
    authorities: Option<Arc<Authorities>>,
    /// The hosts without a certificate by the newest authority, when it was looked last.
    behind: Vec<NodeName>,
}

/// TLS, by what it is for.
struct Configs {
    peers: Arc<rustls::ServerConfig>,
    store: Arc<rustls::ServerConfig>,
}

impl Configs {
    fn of(member: &Member, barred: &Arc<Barred>) -> Result<Self, TrustError> {
        let peers = Arc::new(server(member, barred)?);
        Ok(Self { peers, store: Arc::new(store_server(member, barred)?) })
    }
}

impl OwnCertificate {
    /// The one in `data_dir`, if there is one. One that cannot be used is told of in the log.
    pub(crate) fn load(data_dir: &Path) -> Option<Arc<Self>> {
        let credentials = Credentials::of(data_dir);
        let unusable = |why: String| {
            tracing::warn!(
                why,
                "this host's certificate cannot be used: no peer is answered here, and no host can join here"
            );
        };
        let member = credentials.member().inspect_err(|error| unusable(chain(error))).ok()??;
        let told = credentials.told().inspect_err(|error| unusable(chain(error))).ok()?;
        let barred = Arc::new(Barred::default());
        barred.set(told.revoked.keys().copied().collect());
        let configs = Configs::of(&member, &barred).inspect_err(|error| unusable(chain(error))).ok()?;
        let followed = Mutex::new(Followed { revoked: told.revoked, ..Followed::default() });
        let due = Notify::new();
        let (configs, rules) = (ArcSwap::from_pointee(configs), OnceLock::new());
        let changed = watch::Sender::default();
        Some(Arc::new(Self { credentials, configs, barred, followed, rules, due, changed }))
    }

    /// Believes whom the cluster's authorities name, and lets in nobody that they revoked, as far as is known.
    pub(crate) fn follow(&self, view: &View) {
        // What is not let in as a cluster of this host may know of more that were revoked, and of none that was not.
        let known = view.stored.as_ref().or(view.cluster.as_ref());
        let Some(cluster) = known.filter(|cluster| cluster.is_signed()) else { return };
        let authorities = cluster.believed().cloned().unwrap_or_default();
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if !cluster.beliefs.barred.iter().eq(followed.revoked.iter()) {
            let told = cluster.to_tell();
            self.barred.set(told.revoked.keys().copied().collect());
            match self.credentials.keep_told(&told) {
                Ok(()) => followed.revoked = told.revoked,
                Err(error) => tracing::warn!(error = chain(&error), "cannot write down who was revoked"),
            }
        }
        let behind = cluster.behind();
        if !behind.iter().copied().eq(&followed.behind) {
            followed.behind = behind.into_iter().cloned().collect();
            // It may be this host's turn.
            self.due.notify_one();
        }
        if followed.authorities.as_ref() != Some(&authorities) {
            match self.believe(&authorities) {
                Ok(()) => followed.authorities = Some(authorities),
                Err(error) => tracing::warn!(error, "cannot go on with the cluster's new authority"),
            }
        }
    }

    fn believe(&self, authorities: &Arc<Authorities>) -> Result<(), String> {
        if let Some(rules) = self.rules.get() {
            rules.believe(authorities);
        }
        if self.credentials.believe(authorities).map_err(|error| chain(&error))? {
            let newest = authorities.newest().map(|id| id.short());
            tracing::info!(newest, "the cluster's authorities changed");
        }
        // Whoever wrote it down.
        if let Some(member) = self.credentials.member().map_err(|error| chain(&error))? {
            let configs = Configs::of(&member, &self.barred).map_err(|error| chain(&error))?;
            self.configs.store(Arc::new(configs));
        }
        self.changed.send_replace(());
        self.due.notify_one();
        Ok(())
    }

    /// The same, for as long as this runs.
    pub(crate) async fn keep_following(self: Arc<Self>, mut view: watch::Receiver<View>) {
        loop {
            {
                let view = view.borrow_and_update().clone();
                self.follow(&view);
            }
            if view.changed().await.is_err() {
                return;
            }
        }
    }

    /// To answer peers with.
    pub(super) fn for_peers(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.configs.load().peers)
    }

    /// To serve the store to members with, from now on: where they sign what they say of themselves (`trust`), each writes what
    /// is its own to write alone.
    ///
    /// # Errors
    /// If this host's certificate cannot be read any more.
    pub(crate) fn for_store(
        self: &Arc<Self>,
        trust: Trust,
        keyspace: &Keyspace,
    ) -> Result<Members, SigningError> {
        let own = Arc::clone(self);
        let tls: ServerTls = Arc::new(move || Arc::clone(&own.configs.load().store));
        let signed = match (trust, self.credentials.member()?) {
            (Trust::Signed, Some(member)) => {
                let believed = Arc::new(member.authorities().clone());
                let rules = || Arc::new(WriteRules::new(keyspace.clone(), Some(believed)));
                let rules = Arc::clone(self.rules.get_or_init(rules));
                Some(Asker::new(member.subject()?, rules))
            }
            (Trust::Signed, None) => return Err(SigningError::NoCertificate),
            (Trust::Store, _) => None,
        };
        Ok(Members { tls, barred: Arc::clone(&self.barred), signed })
    }

    /// Goes on with another certificate (PEM) of the same key, by the same authority. On the disk first.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(super) fn replace(&self, certificate: &str) -> Result<(), String> {
        let authority = self.credentials.authority_certificates().map_err(|error| chain(&error))?;
        let authority = authority.ok_or("the authority's certificate is not there any more")?;
        let key = self.credentials.key().map_err(|error| chain(&error))?;
        let member = Member::new(key, certificate, &authority).map_err(|error| chain(&error))?;
        let now = self.credentials.member().map_err(|error| chain(&error))?;
        let subject =
            now.ok_or("this host has no certificate any more")?.subject().map_err(|error| chain(&error))?;
        member.check(&subject, Timestamp::now()).map_err(|error| chain(&error))?;
        let configs = Configs::of(&member, &self.barred).map_err(|error| chain(&error))?;
        self.credentials.renew(certificate).map_err(|error| chain(&error))?;
        self.configs.store(Arc::new(configs));
        Ok(())
    }
}
