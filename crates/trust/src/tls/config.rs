//! What all servers and clients have in common: TLS 1.3, a certificate of their own, and no connection that goes on with what
//! an earlier one agreed on: a certificate is looked at each time.

use super::clients::Checked;
use crate::TrustError;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
    client::{Resumption, WantsClientCert},
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::TLS13,
};
use std::sync::Arc;

/// A certificate with those between it and its authority, and its key.
pub(super) struct Own {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// What it is called where it is not valid.
    pub(super) what: &'static str,
}

/// The server's side, which speaks these protocols with those clients.
///
/// # Errors
/// If key and certificates do not belong together.
pub(super) fn server(own: Own, clients: Checked, protocols: &[&[u8]]) -> Result<ServerConfig, TrustError> {
    let not_together = invalid(own.what);
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]).map_err(&not_together)?;
    let config = config.with_client_cert_verifier(Arc::new(clients));
    let mut config = config.with_single_cert(own.chain, own.key).map_err(&not_together)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The client's side, which believes servers by those authorities.
///
/// # Errors
/// If key and certificates do not belong together.
pub(super) fn client(
    own: Own,
    roots: Arc<RootCertStore>,
    protocol: &[u8],
) -> Result<ClientConfig, TrustError> {
    client_that(own, protocol, |config| config.with_root_certificates(roots))
}

/// The client's side, which believes servers by what `believes` sets.
///
/// # Errors
/// If key and certificates do not belong together.
pub(super) fn client_that(
    own: Own,
    protocol: &[u8],
    believes: impl FnOnce(
        ConfigBuilder<ClientConfig, WantsVerifier>,
    ) -> ConfigBuilder<ClientConfig, WantsClientCert>,
) -> Result<ClientConfig, TrustError> {
    let not_together = invalid(own.what);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[&TLS13]).map_err(&not_together)?;
    let config = believes(config).with_client_auth_cert(own.chain, own.key);
    let mut config = config.map_err(&not_together)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// These authorities, and nobody else.
///
/// # Errors
/// If one cannot be an authority.
pub(super) fn roots<'c>(
    what: &'static str,
    authorities: impl IntoIterator<Item = &'c CertificateDer<'static>>,
) -> Result<Arc<RootCertStore>, TrustError> {
    let mut roots = RootCertStore::empty();
    authorities.into_iter().try_for_each(|one| roots.add(one.clone())).map_err(invalid(what))?;
    Ok(roots.into())
}

pub(super) fn invalid<E: std::error::Error>(what: &'static str) -> impl Fn(E) -> TrustError {
    move |error| TrustError::Invalid { what, why: error.to_string() }
}
