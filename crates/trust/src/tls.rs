//! TLS (1.3, RFC 8446) between nodes, and between a node and a host that joins.

mod api;
mod barred;
mod clients;
mod config;
mod pinned;

pub use api::{ApiServer, WhoMayAsk, api_client, api_is_fresh, api_server};
pub use barred::Barred;
pub use pinned::{PINNED, Pins, pinned_client, pinned_server};

use crate::{MEMBER, Member, TrustError};
use clients::Checked;
use config::Own;
use jiff::Timestamp;
use ring::digest::SHA256;
use rustls::{
    CertificateError, ClientConfig, ConnectionCommon, DigitallySignedStruct, RootCertStore, ServerConfig,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{WebPkiSupportedAlgorithms, ring::default_provider},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{ClientCertVerifierBuilder as WebPkiClientVerifierBuilder, WebPkiClientVerifier},
    version::TLS13,
};
use std::{sync::Arc, time::Duration};
use weft_model::AuthorityId;

/// What is spoken on a connection of a host that joins (RFC 7301).
pub const JOIN: &[u8] = b"weft-join/1";

/// What is spoken between members.
pub const MEMBERS: &[u8] = b"weft-members/1";

/// What is spoken with a store (RFC 7301, section 6).
const HTTP: &[u8] = b"http/1.1";

const OWN: &str = "the node's certificate, or its key";

/// What makes a proof good for one connection only (RFC 8446, section 7.5).
const BINDING: &[u8] = b"EXPORTER-weft-join";

/// Why a server was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unbelieved {
    /// Its certificate is of another authority.
    OtherAuthority,
    /// Its certificate is not good yet, or no longer: one of the clocks may be off.
    Time,
    /// Something else.
    Else,
}

impl Unbelieved {
    /// What `error` says of the server; nothing if it says something else.
    pub fn of(error: &rustls::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(why) = error else { return None };
        Some(match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::OtherAuthority,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Time,
            _ => Self::Else,
        })
    }
}

/// SHA-256 of a certificate, or of a key.
pub(crate) fn digest(der: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&SHA256, der).as_ref());
    bytes
}

/// The server's side. A host that joins ([`JOIN`]) shows no certificate, since it has none. Whoever shows one must be a
/// member, and none of those that are `barred`; whether a client did is asked of the connection, before anything but a request to join is answered.
///
/// # Errors
/// If key and certificates do not belong together.
pub fn server(member: &Member, barred: &Arc<Barred>) -> Result<ServerConfig, TrustError> {
    server_for((member, barred), &[JOIN, MEMBERS], WebPkiClientVerifierBuilder::allow_unauthenticated)
}

/// The server's side of a store that members alone may use, but for those that are `barred`.
///
/// # Errors
/// If key and certificates do not belong together.
pub fn store_server(member: &Member, barred: &Arc<Barred>) -> Result<ServerConfig, TrustError> {
    server_for((member, barred), &[HTTP], |clients| clients)
}

fn server_for(
    (member, barred): (&Member, &Arc<Barred>),
    protocols: &[&[u8]],
    which_clients: impl FnOnce(WebPkiClientVerifierBuilder) -> WebPkiClientVerifierBuilder,
) -> Result<ServerConfig, TrustError> {
    let clients = WebPkiClientVerifier::builder_with_provider(roots(member)?, Arc::new(default_provider()));
    let others = which_clients(clients).build().map_err(config::invalid(OWN))?;
    let barred = Arc::clone(barred);
    let clients = Checked::new(Some(others), move |certificate| barred.check(certificate));
    config::server(own(member), clients, protocols)
}

/// The client's side of such a store, whose address is of no importance: any member may serve it that is not `barred`.
///
/// # Errors
/// If key and certificates do not belong together.
pub fn store_client(member: &Member, barred: &Arc<Barred>) -> Result<ClientConfig, TrustError> {
    let verifier = Arc::new(MembersAlone::new(Whom::These(roots(member)?), Arc::clone(barred)));
    config::client_that(own(member), HTTP, |config| {
        config.dangerous().with_custom_certificate_verifier(verifier)
    })
}

/// A member's side of a connection to another member.
///
/// # Errors
/// If key and certificates do not belong together.
pub fn member_client(member: &Member) -> Result<ClientConfig, TrustError> {
    config::client(own(member), roots(member)?, MEMBERS)
}

/// Whether the authority signed the certificate of `member`, for its key, and it is good `now`.
pub(crate) fn check(member: &Member, now: Timestamp) -> Result<(), TrustError> {
    server(member, &Arc::default())?;
    let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    let checked = signed_by(roots(member)?, &member.chain[0], &[], UnixTime::since_unix_epoch(now));
    checked.map(drop).map_err(config::invalid(OWN))
}

/// Whether one of `roots` signed the certificate `own`, of a member, and it is good `now`.
fn signed_by(
    roots: Arc<RootCertStore>,
    own: &CertificateDer<'_>,
    ocsp: &[u8],
    now: UnixTime,
) -> Result<ServerCertVerified, rustls::Error> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::new(default_provider())).build();
    let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
    let name = ServerName::try_from(MEMBER).map_err(|error| rustls::Error::General(error.to_string()))?;
    verifier.verify_server_cert(own, &[], &name, ocsp, now)
}

/// The authorities that it believes, and nobody else.
fn roots(member: &Member) -> Result<Arc<RootCertStore>, TrustError> {
    config::roots(OWN, member.authorities().certificates())
}

fn own(member: &Member) -> Own {
    Own { chain: member.chain.clone(), key: member.private_key(), what: OWN }
}

/// The client's side: believes members of the cluster with this `authority` alone.
///
/// # Errors
/// If the library cannot speak TLS 1.3.
pub fn join_client(authority: AuthorityId) -> Result<ClientConfig, TrustError> {
    let verifier = Arc::new(MembersAlone::new(Whom::Named(authority), Arc::default()));
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]);
    let config = config.map_err(|error| TrustError::Make { what: "a TLS client", why: error.to_string() })?;
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![JOIN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// What tells this connection from all others, at both of its ends alike.
///
/// # Errors
/// If its handshake is not finished.
pub fn binding<Data>(connection: &ConnectionCommon<Data>) -> Result<[u8; 32], rustls::Error> {
    connection.export_keying_material([0; 32], BINDING, None)
}

/// Believes any node that an authority has signed and that is not barred, or that is known by its key, whatever address or
/// name it was asked under.
#[derive(Debug)]
struct MembersAlone {
    whom: Whom,
    barred: Arc<Barred>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// By which authorities.
#[derive(Debug)]
enum Whom {
    /// The one with this digest: the member shows it beside its own certificate.
    Named(AuthorityId),
    /// One of these.
    These(Arc<RootCertStore>),
    /// None: nodes are known by their keys.
    Pinned(Arc<Pins>),
}

impl MembersAlone {
    fn new(whom: Whom, barred: Arc<Barred>) -> Self {
        let algorithms = default_provider().signature_verification_algorithms;
        Self { whom, barred, algorithms }
    }

    fn verify(
        &self,
        own: &CertificateDer<'_>,
        shown: &[CertificateDer<'_>],
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let roots = match &self.whom {
            Whom::Pinned(pins) => return pins.check(own),
            Whom::These(roots) => Arc::clone(roots),
            Whom::Named(authority) => {
                let found = shown.iter().find(|shown| AuthorityId::from(digest(shown)) == *authority);
                let mut roots = RootCertStore::empty();
                roots.add(found.ok_or(CertificateError::UnknownIssuer)?.clone().into_owned())?;
                roots.into()
            }
        };
        signed_by(roots, own, ocsp, now)?;
        self.barred.check(own)
    }
}

impl ServerCertVerifier for MembersAlone {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify(own, others, ocsp, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
