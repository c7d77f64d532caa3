//! What members ask: a closed list.

use super::{Peers, api_names::api_names};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use weft_model::chain;
use weft_trust::{Authority, MemberReply, MemberRequest, Subject, same_key, signed_with};

impl Peers {
    /// Does what a member asks.
    ///
    /// # Errors
    /// Why not, for the member.
    pub(super) fn decide_for_member(
        &self,
        shown: &CertificateDer<'_>,
        line: &[u8],
    ) -> Result<MemberReply, String> {
        let asker = Subject::of(shown).map_err(|error| chain(&error))?;
        let request: MemberRequest = serde_json::from_slice(line)
            .map_err(|error| format!("it did not understand the request: {error}"))?;
        let done = match &request {
            MemberRequest::Renew { certificate_request } => {
                self.renew_for(&asker, shown, certificate_request)
            }
            MemberRequest::Serve { certificate_request } => self.serve_for(&asker, certificate_request),
            MemberRequest::Promote { authority_key } => self.take(authority_key),
        };
        match &done {
            Ok(_) => tracing::info!(node = %asker.name, ?request, "did what a member asked"),
            Err(why) => tracing::warn!(node = %asker.name, ?request, why, "refused what a member asked"),
        }
        done
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
        let authority = self.own.credentials.authority().map_err(|error| chain(&error))?;
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
        let certificate = self.own.credentials.authority_certificates().map_err(|error| chain(&error))?;
        let certificate = certificate.ok_or("it does not know the authority")?;
        let authority = Authority::from_pem(&certificate, key).map_err(|error| chain(&error))?;
        self.own.credentials.hold(&authority).map_err(|error| chain(&error))?;
        Ok(MemberReply::Promoted)
    }
}
