//! What members ask: a closed list.

use super::{Peers, api_names::api_names};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use weft_model::{CheckOrder, Examination, chain};
use weft_trust::{About, Authority, MemberReply, MemberRequest, Subject, same_key, signed_with};

impl Peers {
    /// Does what a member asks.
    ///
    /// # Errors
    /// Why not, for the member.
    pub(super) async fn decide_for_member(
        &self,
        shown: &CertificateDer<'_>,
        line: &[u8],
    ) -> Result<MemberReply, String> {
        let asker = Subject::of(shown).map_err(|error| chain(&error))?;
        let request = read(line)?;
        let done = match &request {
            MemberRequest::About => Ok(self.about()),
            MemberRequest::Examine(asked) => Ok(self.examine(asked).await),
            MemberRequest::Check(order) => self.check(order).await,
            MemberRequest::Renew { certificate_request } => {
                self.renew_for(&asker, shown, certificate_request)
            }
            MemberRequest::Serve { certificate_request } => self.serve_for(&asker, certificate_request),
            MemberRequest::Promote { authority_key } => self.take(authority_key),
        };
        said(&asker, &request, done)
    }

    /// Has something on a network that answers, for a while.
    pub(super) async fn check(&self, order: &CheckOrder) -> Result<MemberReply, String> {
        let said = |error: weft_verbs::Error| error.message;
        match order {
            CheckOrder::Begin { network, name } => {
                self.verbs.begin_check(*network, name).await.map(MemberReply::Checking).map_err(said)
            }
            CheckOrder::End { name } => {
                self.verbs.end_check(name).await.map(|()| MemberReply::Cleared).map_err(said)
            }
        }
    }

    /// This host's part of the way between two endpoints.
    pub(super) async fn examine(&self, asked: &Examination) -> MemberReply {
        MemberReply::Examined(self.verbs.look_at(asked).await)
    }

    /// What this agent says of itself.
    pub(super) fn about(&self) -> MemberReply {
        MemberReply::About(About {
            name: self.config.node_name.clone(),
            id: self.identity.id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: self.started,
        })
    }

    fn renew_for(
        &self,
        asker: &Subject,
        shown: &CertificateDer<'_>,
        request: &[u8],
    ) -> Result<MemberReply, String> {
        if !same_key(request, shown).map_err(|error| chain(&error))? {
            return Err("it is for another key than that of the certificate which was shown".to_owned());
        }
        self.refuse_unknown(asker, request)?;
        let certificate = self.authority()?.issue(asker, request, Timestamp::now());
        certificate.map(MemberReply::Renewed).map_err(|error| chain(&error))
    }

    fn serve_for(&self, asker: &Subject, request: &[u8]) -> Result<MemberReply, String> {
        let names = api_names(asker, &self.verbs.nodes())?;
        let certificate = self.authority()?.issue_api(asker, &names, request, Timestamp::now());
        certificate.map(MemberReply::Serves).map_err(|error| chain(&error))
    }

    fn authority(&self) -> Result<Authority, String> {
        let authority = self.credentials.authority().map_err(|error| chain(&error))?;
        Ok(authority.ok_or("it does not have the authority's key")?)
    }

    /// In a signed cluster only a host that is in it gets a new certificate, for the key that its record is signed with: not
    /// one that was taken out, nor who made a certificate with a key that an authority of before lost.
    fn refuse_unknown(&self, asker: &Subject, request: &[u8]) -> Result<(), String> {
        let view = self.view.borrow();
        let Some(cluster) = view.cluster.as_ref().filter(|cluster| cluster.is_signed()) else {
            return Ok(());
        };
        let record = cluster.nodes.get(&asker.name).filter(|node| node.id == asker.id);
        let signed = record.and_then(|node| node.signed.as_ref());
        match signed.is_some_and(|signed| signed_with(request, signed)) {
            true => Ok(()),
            false => Err("no host of the cluster has that name and key: join with a token".to_owned()),
        }
    }

    fn take(&self, key: &str) -> Result<MemberReply, String> {
        let certificate = self.credentials.authority_certificates().map_err(|error| chain(&error))?;
        let certificate = certificate.ok_or("it does not know the authority")?;
        let authority = Authority::from_pem(&certificate, key).map_err(|error| chain(&error))?;
        self.credentials.hold(&authority).map_err(|error| chain(&error))?;
        Ok(MemberReply::Promoted)
    }
}

/// What is asked.
///
/// # Errors
/// That it is not understood: a later version may ask for more.
pub(super) fn read(line: &[u8]) -> Result<MemberRequest, String> {
    serde_json::from_slice(line).map_err(|error| format!("it did not understand the request: {error}"))
}

/// Says in the log what came of a request.
pub(super) fn said(
    asker: &Subject,
    request: &MemberRequest,
    done: Result<MemberReply, String>,
) -> Result<MemberReply, String> {
    match &done {
        Ok(_) => tracing::info!(node = %asker.name, ?request, "did what a member asked"),
        Err(why) => tracing::warn!(node = %asker.name, ?request, why, "refused what a member asked"),
    }
    done
}
