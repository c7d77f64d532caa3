//! This host's certificate, as it is at the moment.

use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::{path::Path, sync::Arc};
use tokio::sync::watch;
use weft_model::chain;
use weft_state::{cluster::Cluster, credentials::Credentials, view::View};
use weft_store::serve::ServerTls;
use weft_trust::{Barred, Member, TrustError, server, store_server};

/// Who this host is to others, wherever it listens. It changes when the certificate is renewed.
pub(crate) struct OwnCertificate {
    pub(crate) credentials: Credentials,
    configs: ArcSwap<Configs>,
    /// Who is let in nowhere, whatever certificate it has.
    pub(crate) barred: Arc<Barred>,
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
        let barred = Arc::default();
        let configs = Configs::of(&member, &barred).inspect_err(|error| unusable(chain(error))).ok()?;
        Some(Arc::new(Self { credentials, configs: ArcSwap::from_pointee(configs), barred }))
    }

    /// Lets in nobody that the cluster's authority revoked, as far as is known.
    pub(crate) fn keep_out(&self, view: &View) {
        let revoked = |cluster: &Arc<Cluster>| cluster.barred.keys().copied().collect();
        self.barred.set(view.cluster.as_ref().map(revoked).unwrap_or_default());
    }

    /// The same, for as long as this runs.
    pub(crate) async fn keep_out_revoked(self: Arc<Self>, mut view: watch::Receiver<View>) {
        loop {
            self.keep_out(&view.borrow_and_update());
            if view.changed().await.is_err() {
                return;
            }
        }
    }

    /// To answer peers with.
    pub(super) fn for_peers(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.configs.load().peers)
    }

    /// To serve the store with, from now on.
    pub(crate) fn for_store(self: &Arc<Self>) -> ServerTls {
        let own = Arc::clone(self);
        Arc::new(move || Arc::clone(&own.configs.load().store))
    }

    /// Goes on with another certificate (PEM) of the same key, by the same authority. On the disk first.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(super) fn replace(&self, certificate: &str) -> Result<(), String> {
        let authority = self.credentials.authority_certificate().map_err(|error| chain(&error))?;
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
