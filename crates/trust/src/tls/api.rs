//! TLS of the remote API: users alone are answered, and no node is one.

use super::{Barred, HTTP};
use crate::{ApiNames, Subject, TrustError, User};
use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerifier},
    },
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};

/// What the API is answered with: PEM each.
pub struct ApiServer<'p> {
    /// The server's certificate, and those between it and its authority.
    pub certificate: &'p str,
    /// Its key: a secret.
    pub key: &'p str,
    /// Who is answered.
    pub who: WhoMayAsk<'p>,
}

/// Who may use the API.
#[derive(Debug, Clone, Copy)]
pub enum WhoMayAsk<'p> {
    /// Users of the cluster whose authority has this certificate.
    Users(&'p str),
    /// Whoever has a certificate for clients by one of these authorities, and is no node.
    Anyone(&'p str),
}

/// The server's side of the API. Who was revoked is not let in, as long as `barred` has them.
///
/// # Errors
/// If something is not valid, or key and certificate do not belong together.
pub fn api_server(with: &ApiServer<'_>, barred: &Arc<Barred>) -> Result<ServerConfig, TrustError> {
    let provider = Arc::new(default_provider());
    let (authorities, any) = match with.who {
        WhoMayAsk::Users(authority) => (authority, false),
        WhoMayAsk::Anyone(authorities) => (authorities, true),
    };
    let roots = roots(authorities)?;
    let others = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
    let others = others.map_err(|error| invalid(AUTHORITY, &error))?;
    let clients = Arc::new(OfUsers { others, any, barred: Arc::clone(barred) });
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    let config = config.map_err(|error| invalid(OWN, &error))?.with_client_cert_verifier(clients);
    let config = config.with_single_cert(chain(OWN, with.certificate)?, key(with.key)?);
    let mut config = config.map_err(|error| invalid(OWN, &error))?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    // A certificate is looked at each time.
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The client's side: believes who has a certificate by one of `authorities` for the name or address that it was asked
/// under, and shows `own`, a certificate and its key. PEM each.
///
/// # Errors
/// If something is not valid, or key and certificate do not belong together.
pub fn api_client(authorities: &str, own: (&str, &str)) -> Result<ClientConfig, TrustError> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]).map_err(|error| invalid(OWN, &error))?;
    let config = config.with_root_certificates(roots(authorities)?);
    let config = config.with_client_auth_cert(chain(OWN, own.0)?, key(own.1)?);
    let mut config = config.map_err(|error| invalid(OWN, &error))?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Whether a certificate (PEM) to answer the API with can be shown for some time yet: `authority` signed it, it is for
/// `names`, and half of its life is not over.
pub fn api_is_fresh(certificate: &str, authority: &str, names: &ApiNames, now: Timestamp) -> bool {
    let look = || -> Result<bool, TrustError> {
        let own = chain(OWN, certificate)?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(authority)?, provider).build();
        let verifier = verifier.map_err(|error| invalid(AUTHORITY, &error))?;
        let at = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        // Every host is that to itself.
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let signed = verifier.verify_server_cert(&own[0], &[], &name, &[], UnixTime::since_unix_epoch(at));
        let (from, until) = crate::member::validity(&own[0])?;
        let is_young = now >= from && now.duration_since(from) < until.duration_since(from) / 2;
        Ok(signed.is_ok() && is_young && ApiNames::in_certificate(&own[0])?.cover(names))
    };
    look().unwrap_or(false)
}

const OWN: &str = "the certificate for the remote API, or its key";
const AUTHORITY: &str = "the certificate of the authority";

fn roots(authorities: &str) -> Result<Arc<RootCertStore>, TrustError> {
    let mut roots = RootCertStore::empty();
    for authority in chain(AUTHORITY, authorities)? {
        roots.add(authority).map_err(|error| invalid(AUTHORITY, &error))?;
    }
    Ok(roots.into())
}

fn chain(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let read = read.map_err(|error| invalid(what, &error))?;
    if read.is_empty() {
        return Err(TrustError::Invalid { what, why: "there is no certificate (PEM) in it".to_owned() });
    }
    Ok(read)
}

/// What is wrong with it is not said: it would have parts of the key.
fn key(pem: &str) -> Result<PrivateKeyDer<'static>, TrustError> {
    let none = |_| TrustError::Invalid { what: OWN, why: "there is no private key (PEM) in it".to_owned() };
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(none)
}

fn invalid(what: &'static str, error: &dyn std::error::Error) -> TrustError {
    TrustError::Invalid { what, why: error.to_string() }
}

/// Lets in users, and nodes never.
#[derive(Debug)]
struct OfUsers {
    others: Arc<dyn ClientCertVerifier>,
    /// Whether those are let in, too, who are not users of this cluster.
    any: bool,
    barred: Arc<Barred>,
}

impl ClientCertVerifier for OfUsers {
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
        match User::of(own) {
            Ok(user) if self.barred.has(&user.id) => Err(CertificateError::Revoked.into()),
            Ok(_) => Ok(verified),
            Err(_) if self.any && Subject::of(own).is_err() => Ok(verified),
            Err(_) => Err(CertificateError::InvalidPurpose.into()),
        }
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

#[cfg(test)]
mod tests;
