//! A node's certificate is renewed before it ends, by itself.

use super::{Peers, ask::ask_each};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use weft_model::{NodeName, chain};
use weft_state::cluster::Cluster;
use weft_trust::{Member, MemberReply, MemberRequest, is_due};

/// How often to look whether it is time.
const LOOK: Duration = Duration::from_secs(300);
/// The same, where it could not be renewed.
const RETRY: Duration = Duration::from_secs(60);
/// When to say that it should have been renewed.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Peers {
    /// Renews the certificate when it is time, for ever; if there is one.
    pub(super) async fn keep_renewed(self: Arc<Self>) {
        let Some(own) = self.own.clone() else { return };
        loop {
            let mut soon = LOOK;
            if let Err(why) = self.renew_if_due(Timestamp::now()).await {
                tracing::warn!(why, "the certificate of this host could not be renewed; it is tried again");
                soon = RETRY;
            }
            // Whether it is time, or the certificate is by an authority that another follows, makes no difference.
            let _ = timeout(soon, own.due.notified()).await;
        }
    }

    /// Renews the certificate if it is time. Fails only if it ends soon: who has the authority's key may be away.
    pub(super) async fn renew_if_due(&self, now: Timestamp) -> Result<(), String> {
        let Some(member) = self.credentials.member().map_err(|error| chain(&error))? else {
            return Ok(());
        };
        let validity = member.validity().map_err(|error| chain(&error))?;
        let is_behind = !member.is_up_to_date() && !self.waits_for_others();
        if !is_due(validity, now) && !is_behind {
            return Ok(());
        }
        let request = self.credentials.key().map_err(|error| chain(&error))?;
        let request = request.request().map_err(|error| chain(&error))?;
        if self.renewed_here(&member, &request) || self.renewed_elsewhere(&member, &request).await {
            tracing::info!("the certificate of this host was renewed");
            return Ok(());
        }
        let until = validity.1;
        if is_behind {
            return Err(
                "it is by an authority that another follows, and no host that has the key of that renews it"
                    .to_owned(),
            );
        }
        let soon = until.duration_since(now) < SOON;
        let why = format!(
            "it is good until {until}, and no host of the cluster that has the authority's key renews it"
        );
        if soon { Err(why) } else { Ok(()) }
    }

    /// A host that serves the store is the last to have a certificate by a new authority: those that were away believe the one
    /// before until they have seen the store.
    fn waits_for_others(&self) -> bool {
        let is_alone =
            |cluster: &Cluster| cluster.behind().iter().all(|name| **name == self.config.node_name);
        self.config.serves_at().is_some()
            && !self.view.borrow().cluster.as_ref().is_some_and(|it| is_alone(it))
    }

    /// By this host itself, if it has the authority's key.
    fn renewed_here(&self, member: &Member, request: &[u8]) -> bool {
        let Ok(Some(authority)) = self.credentials.authority() else { return false };
        let issued = member.subject().and_then(|own| authority.issue(&own, request, Timestamp::now()));
        issued.is_ok_and(|certificate| self.is_taken(&certificate, "this host itself"))
    }

    /// By the first other that can.
    async fn renewed_elsewhere(&self, member: &Member, request: &[u8]) -> bool {
        let request = MemberRequest::Renew { certificate_request: request.to_owned() };
        let taken = |reply, by: &NodeName| match reply {
            MemberReply::Renewed(certificate) => self.is_taken(&certificate, by.as_str()).then_some(()),
            _ => None,
        };
        ask_each(member, self.verbs.nodes(), self.config.peer_port, &request, taken).await.is_some()
    }

    /// Goes on with a new certificate, if it is good.
    fn is_taken(&self, certificate: &str, by: &str) -> bool {
        let own = self.own.as_ref().ok_or_else(|| "this host has no certificate".to_owned());
        let taken = own.and_then(|own| own.replace(certificate));
        taken
            .inspect_err(|why| tracing::warn!(by, why, "a new certificate is not good, and was not taken"))
            .is_ok()
    }
}
