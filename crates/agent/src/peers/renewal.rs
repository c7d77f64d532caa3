//! A node's certificate is renewed before it ends, by itself.

use super::{Peers, ask};
use jiff::{SignedDuration, Timestamp};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use weft_model::chain;
use weft_trust::{Member, MemberReply, MemberRequest, Subject};

/// How often to look whether it is time.
const LOOK: Duration = Duration::from_secs(3600);
/// When to say that it should have been renewed.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whether a certificate with this validity has had half of its life.
pub(super) fn is_due((from, until): (Timestamp, Timestamp), now: Timestamp) -> bool {
    // One that begins later was made by a clock that was ahead.
    now < from || now.duration_since(from) > until.duration_since(from) / 2
}

impl Peers {
    /// Renews the certificate when it is time, for ever.
    pub(super) async fn keep_renewed(self: Arc<Self>) {
        loop {
            if let Err(why) = self.renew_if_due(Timestamp::now()).await {
                tracing::warn!(
                    why,
                    "the certificate of this host could not be renewed; it is tried again in an hour"
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Renews the certificate if it is time. Fails only if it ends soon: who has the authority's key may be away.
    pub(super) async fn renew_if_due(&self, now: Timestamp) -> Result<(), String> {
        let Some(member) = self.own.credentials.member().map_err(|error| chain(&error))? else {
            return Ok(());
        };
        let validity = member.validity().map_err(|error| chain(&error))?;
        if !is_due(validity, now) {
            return Ok(());
        }
        let request = self.own.credentials.key().map_err(|error| chain(&error))?;
        let request = request.request().map_err(|error| chain(&error))?;
        if self.renewed_here(&member, &request) || self.renewed_elsewhere(&member, &request).await {
            tracing::info!("the certificate of this host was renewed");
            return Ok(());
        }
        let until = validity.1;
        let soon = until.duration_since(now) < SOON;
        let why = format!(
            "it is good until {until}, and no host of the cluster that has the authority's key renews it"
        );
        if soon { Err(why) } else { Ok(()) }
    }

    /// By this host itself, if it has the authority's key.
    fn renewed_here(&self, member: &Member, request: &[u8]) -> bool {
        let Ok(Some(authority)) = self.own.credentials.authority() else { return false };
        let issued = member.subject().and_then(|own| authority.issue(&own, request, Timestamp::now()));
        issued.is_ok_and(|certificate| self.is_taken(&certificate, "this host itself"))
    }

    /// By the first other that can.
    async fn renewed_elsewhere(&self, member: &Member, request: &[u8]) -> bool {
        let request = MemberRequest::Renew { certificate_request: request.to_owned() };
        for node in self.verbs.nodes().into_iter().filter(|node| node.up && !node.this) {
            let at = SocketAddr::new(node.node.advertise, self.config.peer_port);
            let whom = Subject { name: node.name, id: node.node.id };
            match ask(member, &whom, at, &request).await {
                Ok(MemberReply::Renewed(certificate)) if self.is_taken(&certificate, whom.name.as_str()) => {
                    return true;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(node = %whom.name, error = chain(&error), "no new certificate from there");
                }
            }
        }
        false
    }

    /// Goes on with a new certificate, if it is good.
    fn is_taken(&self, certificate: &str, by: &str) -> bool {
        let taken = self.own.replace(certificate);
        taken
            .inspect_err(|why| tracing::warn!(by, why, "a new certificate is not good, and was not taken"))
            .is_ok()
    }
}
