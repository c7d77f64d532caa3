//! The certificate authority of a cluster.

use crate::{MEMBER, TrustError};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SanType,
    SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, pem::PemObject};
use std::{fmt, time::SystemTime};
use weft_model::{NodeId, NodeName};

/// How long an authority is good for.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// How long a node's certificate is good for.
const NODE_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Clocks of hosts differ: a certificate is good from a day before it was made.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// Who a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The node's name.
    pub name: NodeName,
    /// Its installation.
    pub id: NodeId,
}

impl Subject {
    /// The names in a certificate for it.
    pub(crate) fn names(&self) -> Result<Vec<SanType>, TrustError> {
        let name = |text: &str| text.try_into().map_err(TrustError::make("a name in a certificate"));
        Ok(vec![SanType::DnsName(name(MEMBER)?), SanType::URI(name(&self.uri())?)])
    }
}

/// Signs the certificates of a cluster's nodes. Whoever has it decides who is a member.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// If the machine has no randomness.
    pub fn found(now: Timestamp) -> Result<Self, TrustError> {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(TrustError::make("a key"))?;
        let mut params = lasting(now, AUTHORITY_LIFE);
        params.distinguished_name = named("weft cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(TrustError::make("an authority"))?;
        Self::from_pem(&certificate.pem(), &key.serialize_pem())
    }

    /// Reads what [`certificate_pem`](Self::certificate_pem) and [`key_pem`](Self::key_pem) wrote. Of several certificates, the
    /// first counts.
    ///
    /// # Errors
    /// If one of them is not valid; [`TrustError::OtherKey`] if they do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, TrustError> {
        let key = KeyPair::from_pem_and_sign_algo(key, &PKCS_ED25519);
        let key = key.map_err(TrustError::invalid("the authority's key"))?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| {
            TrustError::Invalid { what: "the authority's certificate", why: error.to_string() }
        })?;
        if key.public_key_raw() != crate::member::public_key(&der)? {
            return Err(TrustError::OtherKey);
        }
        let issuer = Issuer::from_ca_cert_der(&der, key);
        let issuer = issuer.map_err(TrustError::invalid("the authority's certificate"))?;
        let pem = crate::authorities::pem(&der);
        Ok(Self { issuer, certificate: der, pem })
    }

    /// Its certificate, which is no secret: PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// Its key: PEM, a secret.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    pub(crate) fn key(&self) -> &KeyPair {
        self.issuer.key()
    }

    /// A certificate (PEM) for the key that signed `request` ([`NodeKey::request`](crate::NodeKey::request)), as `subject`.
    /// What the request says beside that counts for nothing.
    ///
    /// # Errors
    /// If the request is not valid, or its signature is not.
    pub fn issue(&self, subject: &Subject, request: &[u8], now: Timestamp) -> Result<String, TrustError> {
        let mut params = lasting(now, NODE_LIFE);
        params.distinguished_name = named("weft node");
        params.subject_alt_names = subject.names()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.certify(params, request)
    }

    /// A certificate (PEM) that says what `params` says, for the key that signed `request`.
    ///
    /// # Errors
    /// If the request is not valid, or its signature is not.
    pub(crate) fn certify(
        &self,
        mut params: CertificateParams,
        request: &[u8],
    ) -> Result<String, TrustError> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request));
        let key = request.map_err(TrustError::invalid("the certificate request"))?.public_key;
        if *key.algorithm() != PKCS_ED25519 {
            let why = "its key is not of the kind Ed25519".to_owned();
            return Err(TrustError::Invalid { what: "the certificate request", why });
        }
        params.serial_number = Some(SerialNumber::from_slice(&rand::random::<[u8; 16]>()));
        let certificate = params.signed_by(&key, &self.issuer).map_err(TrustError::make("a certificate"))?;
        Ok(certificate.pem())
    }
}

/// Whether `request` is for the key that `certificate` is for.
///
/// # Errors
/// If one of them is not valid.
pub fn same_key(request: &[u8], certificate: &CertificateDer<'_>) -> Result<bool, TrustError> {
    let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request));
    let key = request.map_err(TrustError::invalid("the certificate request"))?.public_key;
    Ok(key.der_bytes() == crate::member::public_key(certificate)?)
}

pub(crate) fn lasting(now: Timestamp, life: SignedDuration) -> CertificateParams {
    let at = |time: Timestamp| SystemTime::from(time).into();
    let mut params = CertificateParams::default();
    params.not_before = at(now.saturating_sub(BEFORE).unwrap_or(now));
    params.not_after = at(now.saturating_add(life).unwrap_or(now));
    params
}

pub(crate) fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// Nothing of the secret.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}
