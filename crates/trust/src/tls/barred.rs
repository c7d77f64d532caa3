//! Members that were revoked are refused in the handshake.

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::watch;
use weft_model::NodeId;

/// The nodes that the authority revoked, as far as is known at the moment.
#[derive(Debug, Default)]
pub struct Barred(watch::Sender<BTreeSet<NodeId>>);

impl Barred {
    /// These are, from now on.
    pub fn set(&self, all: BTreeSet<NodeId>) {
        self.0.send_if_modified(|before| {
            let differs = *before != all;
            *before = all;
            differs
        });
    }

    /// Whether this one is.
    pub fn has(&self, id: &NodeId) -> bool {
        self.0.borrow().contains(id)
    }

    /// Returns once this one is: what was begun with it is to end then. Cancel-safe.
    pub async fn until_barred(&self, id: &NodeId) {
        // The sender is this, so it is there as long as this waits.
        let _ = self.0.subscribe().wait_for(|all| all.contains(id)).await;
    }

    /// Refuses a certificate of one, and one that is of no node.
    pub(super) fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        match crate::Subject::of(certificate) {
            Ok(subject) if !self.has(&subject.id) => Ok(()),
            Ok(_) => Err(CertificateError::Revoked.into()),
            Err(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }
}

/// Lets in whom another lets in, but for those.
#[derive(Debug)]
pub(super) struct NotBarred {
    pub(super) others: Arc<dyn ClientCertVerifier>,
    pub(super) barred: Arc<Barred>,
}

impl ClientCertVerifier for NotBarred {
    fn offer_client_auth(&self) -> bool {
        self.others.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.others.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.others.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.others.verify_client_cert(own, others, now)?;
        self.barred.check(own)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.others.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.others.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.others.supported_verify_schemes()
    }
}
