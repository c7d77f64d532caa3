//! Which clients a server lets in, by more than who signed their certificates.

use rustls::{
    DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{
        WebPkiSupportedAlgorithms, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::{fmt, sync::Arc};

/// Whether a certificate that is good is also one of a client that is let in.
type Check = dyn Fn(&CertificateDer<'_>) -> Result<(), rustls::Error> + Send + Sync;

/// Lets in whom another lets in, if there is another, and a check of the certificate does, too.
pub(super) struct Checked {
    others: Option<Arc<dyn ClientCertVerifier>>,
    check: Box<Check>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Checked {
    pub(super) fn new(
        others: Option<Arc<dyn ClientCertVerifier>>,
        check: impl Fn(&CertificateDer<'_>) -> Result<(), rustls::Error> + Send + Sync + 'static,
    ) -> Self {
        let algorithms = default_provider().signature_verification_algorithms;
        Self { others, check: Box::new(check), algorithms }
    }
}

impl ClientCertVerifier for Checked {
    fn offer_client_auth(&self) -> bool {
        self.others.as_ref().is_none_or(|others| others.offer_client_auth())
    }

    fn client_auth_mandatory(&self) -> bool {
        self.others.as_ref().is_none_or(|others| others.client_auth_mandatory())
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.others.as_ref().map_or(&[], |others| others.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(verifier) = &self.others {
            verifier.verify_client_cert(own, others, now)?;
        }
        (self.check)(own)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checked").field(&self.others).finish()
    }
}
