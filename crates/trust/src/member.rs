//! A node that has its certificate.

use crate::{Authorities, NodeKey, Subject, TrustError};
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use std::fmt;
use weft_model::AuthorityId;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// What a node shows its peers: its certificate and that of the authority that signed it, and the key to prove them with.
pub struct Member {
    pub(crate) key: NodeKey,
    /// Its own, then its authority's, if it believes that.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    authorities: Authorities,
}

impl Member {
    /// From a key, its certificate, and those of the authorities that it believes, the newest first: PEM.
    ///
    /// # Errors
    /// If a certificate is not valid.
    pub fn new(key: NodeKey, certificate: &str, authorities: &str) -> Result<Self, TrustError> {
        let invalid = |what, why: String| TrustError::Invalid { what, why };
        let own = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| invalid(CERTIFICATE, error.to_string()))?;
        let authorities = Authorities::of_certificates(&certificates(AUTHORITY, authorities)?)?;
        let issuer = authorities.verify(&own).ok().and_then(|issuer| authorities.certificate(issuer));
        let chain = [&own].into_iter().chain(issuer).cloned().collect();
        Ok(Self { key, chain, authorities })
    }

    /// The authorities that it believes.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Who it is.
    ///
    /// # Errors
    /// If its certificate names no node.
    pub fn subject(&self) -> Result<Subject, TrustError> {
        Subject::of(&self.chain[0])
    }

    /// Whether others will believe that it is `subject`: the authority signed its certificate, for its key and this node, and
    /// it is good `now`.
    ///
    /// # Errors
    /// Why they will not.
    pub fn check(&self, subject: &Subject, now: Timestamp) -> Result<(), TrustError> {
        crate::tls::check(self, now)?;
        if self.subject()? == *subject {
            return Ok(());
        }
        Err(TrustError::Invalid { what: CERTIFICATE, why: "it is another node's".to_owned() })
    }

    /// The authority that signed its certificate, if it believes that one.
    pub fn issuer(&self) -> Option<AuthorityId> {
        self.chain.get(1).map(|issuer| crate::tls::digest(issuer).into())
    }

    /// Whether its certificate is by the newest authority that it believes.
    pub fn is_up_to_date(&self) -> bool {
        self.issuer().is_some() && self.issuer() == self.authorities.newest()
    }

    /// From when until when its certificate is good.
    ///
    /// # Errors
    /// If it is none.
    pub fn validity(&self) -> Result<(Timestamp, Timestamp), TrustError> {
        validity(&self.chain[0])
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.0.serialize_der()).into()
    }
}

const CERTIFICATE: &str = "the node's certificate";

/// What those are called that it believes.
pub(crate) const AUTHORITY: &str = "the authority's certificate";

/// All that are in a file: one at least. `what` they are called where they are not valid.
pub(crate) fn certificates(
    what: &'static str,
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let invalid = |why: String| TrustError::Invalid { what, why };
    let all = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| invalid(error.to_string()))?;
    if all.is_empty() { Err(invalid("there is no certificate (PEM) in it".to_owned())) } else { Ok(all) }
}

/// Whether a certificate with this validity has had half of its life.
pub fn is_due((from, until): (Timestamp, Timestamp), now: Timestamp) -> bool {
    // One that begins later was made by a clock that was ahead.
    now < from || now.duration_since(from) > until.duration_since(from) / 2
}

fn certificate<'d>(der: &'d CertificateDer<'_>) -> Result<X509Certificate<'d>, TrustError> {
    let read = X509Certificate::from_der(der).map(|(_, read)| read);
    read.map_err(|error| TrustError::Invalid { what: CERTIFICATE, why: error.to_string() })
}

/// From when until when a certificate is good.
pub(crate) fn validity(der: &CertificateDer<'_>) -> Result<(Timestamp, Timestamp), TrustError> {
    let read = certificate(der)?;
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp());
    let (from, until) = (at(read.validity.not_before), at(read.validity.not_after));
    let invalid = |error: jiff::Error| TrustError::Invalid { what: CERTIFICATE, why: error.to_string() };
    Ok((from.map_err(invalid)?, until.map_err(invalid)?))
}

/// The key that a certificate is for, as it is in it.
pub(crate) fn public_key(der: &CertificateDer<'_>) -> Result<Vec<u8>, TrustError> {
    Ok(certificate(der)?.public_key().subject_public_key.data.to_vec())
}

/// The same with what kind of key it is (`SubjectPublicKeyInfo`, RFC 5280, section 4.1), DER.
pub(crate) fn key_info(der: &CertificateDer<'_>) -> Result<Vec<u8>, TrustError> {
    Ok(certificate(der)?.public_key().raw.to_vec())
}

/// Whether it says that whom it is for issued it.
pub(crate) fn is_self_issued(der: &CertificateDer<'_>) -> Result<bool, TrustError> {
    let read = certificate(der)?;
    Ok(read.issuer() == read.subject())
}

/// When a certificate begins to be good, in seconds since 1970.
pub(crate) fn begins(der: &CertificateDer<'_>) -> Result<i64, TrustError> {
    Ok(certificate(der)?.validity.not_before.timestamp())
}

impl Subject {
    /// What a certificate says that is for it.
    pub(crate) fn uri(&self) -> String {
        format!("weft://{}/{}", self.id, self.name)
    }

    /// Who a certificate is for that an authority signed ([`Authority::issue`](crate::Authority::issue)): whether it did is
    /// found out in the handshake.
    ///
    /// # Errors
    /// If it says nothing of a node.
    pub fn of(der: &CertificateDer<'_>) -> Result<Self, TrustError> {
        let invalid = |why: String| TrustError::Invalid { what: CERTIFICATE, why };
        let read = certificate(der)?;
        let names = read.subject_alternative_name().map_err(|error| invalid(error.to_string()))?;
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let mut own = names.filter_map(|name| match name {
            GeneralName::URI(uri) => uri.strip_prefix("weft://")?.split_once('/'),
            _ => None,
        });
        let (id, name) = own.next().ok_or_else(|| invalid("it names no node".to_owned()))?;
        let id = id.parse().map_err(|error: weft_model::InvalidId| invalid(error.to_string()))?;
        let name = name.parse().map_err(|error: weft_model::InvalidName| invalid(error.to_string()))?;
        Ok(Self { name, id })
    }
}

/// Nothing of the secret.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Member")
    }
}
