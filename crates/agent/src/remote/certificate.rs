//! What the API is answered with: files that were given, or a certificate of the cluster, which is made and renewed here.

use super::RemoteError;
use crate::{
    config::{AgentConfig, RemoteConfig},
    peers::{OwnCertificate, ask_each},
    underlay::Underlay,
};
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::ServerConfig;
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::sleep};
use weft_model::{NodeName, chain};
use weft_trust::{
    ApiNames, ApiServer, Barred, MemberReply, MemberRequest, NodeKey, WhoMayAsk, api_is_fresh, api_server,
};
use weft_verbs::RemoteVerbs;

/// How often to look whether it is time for another certificate.
const LOOK: Duration = Duration::from_secs(3600);
/// How soon to try again to get one, and how soon the first times, of which nothing is said.
const RETRY: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(1);
const AT_FIRST: u32 = 5;

/// TLS as it is at the moment; nothing while there is no certificate.
#[derive(Default)]
pub(super) struct Shown(ArcSwapOption<ServerConfig>);

impl Shown {
    /// This, until the agent ends.
    pub(super) fn always(config: Arc<ServerConfig>) -> Self {
        Self(ArcSwapOption::new(Some(config)))
    }

    pub(super) fn get(&self) -> Option<Arc<ServerConfig>> {
        self.0.load_full()
    }
}

/// Where it comes from.
pub(super) enum Source {
    /// From files that were given.
    Files(Arc<ServerConfig>),
    /// From the cluster's authority.
    Cluster(OfCluster),
}

/// What it takes to have a certificate of the cluster.
pub(super) struct OfCluster {
    own: Arc<OwnCertificate>,
    /// The authorities whose clients are answered, if not the users of the cluster.
    authorities: Option<String>,
}

impl Source {
    /// What `config` says, or what this host has as a member of its cluster.
    pub(super) fn of(
        config: &RemoteConfig,
        own: Option<&Arc<OwnCertificate>>,
        barred: &Arc<Barred>,
    ) -> Result<Self, RemoteError> {
        let authorities = config.authorities.as_deref().map(read).transpose()?;
        let Some((certificate, key)) = &config.shown else {
            let own = Arc::clone(own.ok_or(RemoteError::NoCertificate)?);
            return Ok(Self::Cluster(OfCluster { own, authorities }));
        };
        let (certificate, key) = (read(certificate)?, read_key(key)?);
        let of_cluster = own.and_then(|own| own.credentials.authority_certificates().ok().flatten());
        let who = match (&authorities, &of_cluster) {
            (Some(authorities), _) => WhoMayAsk::Anyone(authorities),
            (None, Some(authority)) => WhoMayAsk::Users(authority),
            (None, None) => return Err(RemoteError::NoCertificate),
        };
        let with = ApiServer { certificate: &certificate, key: &key, who };
        Ok(Self::Files(Arc::new(api_server(&with, barred)?)))
    }
}

fn read(path: &Path) -> Result<String, RemoteError> {
    fs::read_to_string(path).map_err(|source| RemoteError::File { path: path.to_owned(), source })
}

fn read_key(path: &Path) -> Result<String, RemoteError> {
    let found = fs::metadata(path).map_err(|source| RemoteError::File { path: path.to_owned(), source })?;
    if found.permissions().mode() & 0o007 != 0 {
        return Err(RemoteError::OpenKey(path.to_owned()));
    }
    read(path)
}

/// Keeps a certificate of the cluster.
pub(super) struct Keeper {
    pub(super) of: OfCluster,
    pub(super) shown: Arc<Shown>,
    pub(super) config: Arc<AgentConfig>,
    pub(super) verbs: Arc<dyn RemoteVerbs>,
    pub(super) underlay: watch::Receiver<Underlay>,
}

impl Keeper {
    /// Gets one, and another when it is time or this host has another address, for ever.
    pub(super) async fn keep(mut self) {
        let mut failed = 0;
        let mut authorities = self.of.own.changed.subscribe();
        loop {
            let address = self.underlay.borrow_and_update().address;
            let kept = self.renew(address, Timestamp::now()).await;
            failed = kept.as_ref().map_or_else(|_| failed + 1, |()| 0);
            if let (Err(why), AT_FIRST) = (&kept, failed) {
                let answered = self.shown.get().is_some();
                tracing::warn!(
                    why,
                    answered,
                    "the API for other hosts has no certificate, or an old one; it is tried again"
                );
            }
            let pause = match failed {
                0 => LOOK,
                // Who is in the cluster is known soon.
                1..AT_FIRST => SOON,
                _ => RETRY,
            };
            let moved = self.underlay.wait_for(|underlay| underlay.address != address);
            tokio::select! {
                () = sleep(pause) => {}
                Ok(_) = moved => {}
                Ok(()) = authorities.changed() => {}
            }
        }
    }

    /// Has a certificate for this address shown, if that is possible.
    async fn renew(&self, address: IpAddr, now: Timestamp) -> Result<(), String> {
        let credentials = &self.of.own.credentials;
        let authority = credentials.authority_certificates().map_err(|error| chain(&error))?;
        let authority = authority.ok_or("the authority's certificate is not there any more")?;
        let known = credentials.api().map_err(|error| chain(&error))?;
        let holder = credentials.authority().map_err(|error| chain(&error))?;
        let also = self.config.remote.listen.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
        let names = match &holder {
            Some(_) => ApiNames::of(self.config.node_name.as_str(), also.chain([address])),
            None => ApiNames::of(self.config.node_name.as_str(), [address]),
        };
        if let Some(pem) = &known {
            // An old one is better than none.
            let shown = self.show(pem, &authority);
            if shown.is_ok() && api_is_fresh(pem, &authority, &names, now) {
                return Ok(());
            }
        }
        let key = NodeKey::generate().map_err(|error| chain(&error))?;
        let request = key.request().map_err(|error| chain(&error))?;
        let certificate = match holder {
            Some(holder) => {
                let own = credentials.member().map_err(|error| chain(&error))?;
                let own = own.ok_or("this host has no certificate any more")?.subject();
                let own = own.map_err(|error| chain(&error))?;
                holder.issue_api(&own, &names, &request, now).map_err(|error| chain(&error))?
            }
            None => self.asked_for(request).await?,
        };
        let pem = format!("{certificate}{}", key.pem());
        if !api_is_fresh(&pem, &authority, &names, now) {
            return Err("the certificate that was made is not good for this host".to_owned());
        }
        self.show(&pem, &authority)?;
        credentials.keep_api(&pem).map_err(|error| chain(&error))?;
        tracing::info!("the API for other hosts has a new certificate");
        Ok(())
    }

    fn show(&self, pem: &str, authority: &str) -> Result<(), String> {
        let who = self.of.authorities.as_deref().map_or(WhoMayAsk::Users(authority), WhoMayAsk::Anyone);
        let with = ApiServer { certificate: pem, key: pem, who };
        let config = api_server(&with, &self.of.own.barred).map_err(|error| chain(&error))?;
        self.shown.0.store(Some(Arc::new(config)));
        Ok(())
    }

    /// From the first host that has the authority's key.
    async fn asked_for(&self, request: Vec<u8>) -> Result<String, String> {
        let member = self.of.own.credentials.member().map_err(|error| chain(&error))?;
        let member = member.ok_or("this host has no certificate any more")?;
        let request = MemberRequest::Serve { certificate_request: request };
        let made = |reply, _: &NodeName| match reply {
            MemberReply::Serves(certificate) => Some(certificate),
            _ => None,
        };
        let made = ask_each(&member, self.verbs.nodes(), self.config.peer_port, &request, made).await;
        made.ok_or_else(|| "no host of the cluster that has the authority's key made one".to_owned())
    }
}
