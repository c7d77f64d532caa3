//! TLS of the remote API: users alone are answered, and no node is one.

use super::{
    Barred, HTTP,
    clients::Checked,
    config::{self, Own},
};
use crate::{
    ApiNames, Subject, TrustError, User,
    member::{certificates, is_due},
};
use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, RootCertStore, ServerConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
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
    let (authorities, any) = match with.who {
        WhoMayAsk::Users(authority) => (authority, false),
        WhoMayAsk::Anyone(authorities) => (authorities, true),
    };
    let others =
        WebPkiClientVerifier::builder_with_provider(roots(authorities)?, Arc::new(default_provider()));
    let others = others.build().map_err(config::invalid(AUTHORITY))?;
    let barred = Arc::clone(barred);
    let clients = Checked::new(Some(others), move |certificate| is_user(certificate, any, &barred));
    config::server(own(with.certificate, with.key)?, clients, &[HTTP])
}

/// The client's side: believes who has a certificate by one of `authorities` for the name or address that it was asked
/// under, and shows `own`, a certificate and its key. PEM each.
///
/// # Errors
/// If something is not valid, or key and certificate do not belong together.
pub fn api_client(authorities: &str, (certificate, key): (&str, &str)) -> Result<ClientConfig, TrustError> {
    config::client(own(certificate, key)?, roots(authorities)?, HTTP)
}

/// Whether a certificate (PEM) to answer the API with can be shown for some time yet: `authority` signed it, it is for
/// `names`, and half of its life is not over.
pub fn api_is_fresh(certificate: &str, authority: &str, names: &ApiNames, now: Timestamp) -> bool {
    let look = || -> Result<bool, TrustError> {
        let own = certificates(OWN, certificate)?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(authority)?, provider).build();
        let verifier = verifier.map_err(config::invalid(AUTHORITY))?;
        let at = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        // Every host is that to itself.
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let signed = verifier.verify_server_cert(&own[0], &[], &name, &[], UnixTime::since_unix_epoch(at));
        let is_young = !is_due(crate::member::validity(&own[0])?, now);
        Ok(signed.is_ok() && is_young && ApiNames::in_certificate(&own[0])?.cover(names))
    };
    look().unwrap_or(false)
}

const OWN: &str = "the certificate for the remote API, or its key";
const AUTHORITY: &str = "the certificate of the authority";

fn roots(authorities: &str) -> Result<Arc<RootCertStore>, TrustError> {
    config::roots(AUTHORITY, &certificates(AUTHORITY, authorities)?)
}

fn own(certificate: &str, private: &str) -> Result<Own, TrustError> {
    Ok(Own { chain: certificates(OWN, certificate)?, key: key(private)?, what: OWN })
}

/// What is wrong with it is not said: it would have parts of the key.
fn key(pem: &str) -> Result<PrivateKeyDer<'static>, TrustError> {
    let none = |_| TrustError::Invalid { what: OWN, why: "there is no private key (PEM) in it".to_owned() };
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(none)
}

/// Lets in users, and nodes never; where `any`, also those who are not users of this cluster.
fn is_user(certificate: &CertificateDer<'_>, any: bool, barred: &Barred) -> Result<(), rustls::Error> {
    match User::of(certificate) {
        Ok(user) if barred.has(&user.id) => Err(CertificateError::Revoked.into()),
        Ok(_) => Ok(()),
        Err(_) if any && Subject::of(certificate).is_err() => Ok(()),
        Err(_) => Err(CertificateError::InvalidPurpose.into()),
    }
}

#[cfg(test)]
mod tests;
