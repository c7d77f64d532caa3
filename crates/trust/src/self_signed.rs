//! A node that no authority vouches for: others know it by its key alone.

use crate::{NodeKey, Subject, TrustError, authority::named, member::certificates, tls::digest};
use rcgen::{CertificateParams, KeyUsagePurpose, PublicKeyData, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use weft_model::KeyFingerprint;

const CERTIFICATE: &str = "the node's own certificate";

/// What such a node shows its peers: a certificate that it made itself, which carries its key and proves nothing else.
pub struct SelfSigned {
    key: NodeKey,
    pub(crate) certificate: CertificateDer<'static>,
}

impl SelfSigned {
    /// A new one.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn new(key: NodeKey, subject: &Subject) -> Result<Self, TrustError> {
        let mut params = CertificateParams::default();
        // It is good as long as its key is: RFC 5280, section 4.1.2.5.
        params.not_before = date_time_ymd(1970, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31);
        params.distinguished_name = named("weft node");
        params.subject_alt_names = subject.names()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key.0).map_err(TrustError::make(CERTIFICATE))?;
        Ok(Self { key, certificate: certificate.der().clone() })
    }

    /// What [`pem`](Self::pem) wrote, if it is of this key.
    ///
    /// # Errors
    /// If it is no certificate, or one of another key.
    pub fn from_pem(key: NodeKey, certificate: &str) -> Result<Self, TrustError> {
        let certificate = certificates(CERTIFICATE, certificate)?.swap_remove(0);
        if fingerprint(&certificate)? != key.fingerprint() {
            let why = "it is not of the node's key".to_owned();
            return Err(TrustError::Invalid { what: CERTIFICATE, why });
        }
        Ok(Self { key, certificate })
    }

    /// The certificate, which is no secret: PEM.
    pub fn pem(&self) -> String {
        crate::authorities::pem(&self.certificate)
    }

    /// Whom it was made for.
    ///
    /// # Errors
    /// If it names no node.
    pub fn subject(&self) -> Result<Subject, TrustError> {
        Subject::of(&self.certificate)
    }

    /// By what others know it.
    pub fn fingerprint(&self) -> KeyFingerprint {
        self.key.fingerprint()
    }

    /// The key, to make another certificate of it.
    pub fn into_key(self) -> NodeKey {
        self.key
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.0.serialize_der()).into()
    }
}

impl NodeKey {
    /// By what others know whoever has it.
    pub fn fingerprint(&self) -> KeyFingerprint {
        digest(&self.0.subject_public_key_info()).into()
    }
}

/// Whether a node made its certificate (PEM) itself. What is none is not.
pub fn is_self_signed(certificate: &str) -> bool {
    let own = certificates(CERTIFICATE, certificate);
    own.is_ok_and(|own| crate::member::is_self_issued(&own[0]).unwrap_or_default())
}

/// The fingerprint of the key that a certificate is for.
///
/// # Errors
/// If it is none.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Result<KeyFingerprint, TrustError> {
    Ok(digest(&crate::member::key_info(certificate)?).into())
}

/// Nothing of the secret.
impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SelfSigned")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_keys_whatever_carries_it() {
        let subject = Subject { name: "host1".parse().unwrap(), id: "1".repeat(64).parse().unwrap() };
        let key = NodeKey::generate().unwrap();
        let (pem, of_key) = (key.pem(), key.fingerprint());
        let own = SelfSigned::new(key, &subject).unwrap();
        assert_eq!((own.fingerprint(), fingerprint(&own.certificate).unwrap()), (of_key, of_key));
        assert_eq!(own.subject().unwrap(), subject);
        let read = SelfSigned::from_pem(NodeKey::from_pem(&pem).unwrap(), &own.pem()).unwrap();
        assert_eq!((read.fingerprint(), read.subject().unwrap()), (of_key, subject.clone()));
        // That of an authority, for the same key.
        let authority = crate::Authority::found(jiff::Timestamp::now()).unwrap();
        let request = read.into_key().request().unwrap();
        let signed = authority.issue(&subject, &request, jiff::Timestamp::now()).unwrap();
        assert_eq!(fingerprint(&certificates("it", &signed).unwrap()[0]).unwrap(), of_key);
        assert!(is_self_signed(&own.pem()) && !is_self_signed(&signed));
    }

    #[test]
    fn a_certificate_of_another_key_is_not_taken() {
        let subject = Subject { name: "host1".parse().unwrap(), id: "1".repeat(64).parse().unwrap() };
        let own = SelfSigned::new(NodeKey::generate().unwrap(), &subject).unwrap();
        let other = NodeKey::generate().unwrap();
        assert!(SelfSigned::from_pem(other, &own.pem()).is_err());
        assert!(SelfSigned::from_pem(NodeKey::generate().unwrap(), "half a certifi").is_err());
    }
}
