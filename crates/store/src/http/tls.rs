//! Certificates from files.

use reqwest::{Certificate, ClientBuilder, Identity};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use weft_trust::{Barred, Member, NodeKey, Told, TrustError, store_client};

/// Where TLS finds its certificates, all PEM. No file at all: the machine's own authorities, and no
/// certificate of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that may vouch for the server.
    pub ca: Option<PathBuf>,
    /// The client's certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// The files of a host that is a member of its cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFiles {
    /// The certificates of the authorities that it believes: PEM.
    pub authorities: PathBuf,
    /// Its own: PEM.
    pub certificate: PathBuf,
    /// Its key: PEM.
    pub key: PathBuf,
    /// Which members are believed no more ([`Told`]): JSON. It may be absent.
    pub told: PathBuf,
}

impl MemberFiles {
    pub(super) fn all(&self) -> Vec<PathBuf> {
        [&self.authorities, &self.certificate, &self.key, &self.told].map(Clone::clone).to_vec()
    }
}

impl TlsFiles {
    pub(super) fn all(&self) -> Vec<PathBuf> {
        [&self.ca, &self.cert, &self.key].into_iter().flatten().cloned().collect()
    }
}

/// Why the files for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate or key.
    #[error("{path} holds no PEM {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// This host is no member of a cluster.
    #[error("{path} is not there: weft:// is for hosts that joined the cluster with a token (`weft join`)")]
    NotJoined {
        /// What a member has.
        path: PathBuf,
    },
    /// What a member has is not valid.
    #[error(transparent)]
    Member(#[from] TrustError),
    /// One without the other.
    #[error("a client's certificate and its key go together: give both kv.certfile and kv.keyfile")]
    Half,
}

/// Has `builder` use ring, which all of weft uses, and the files.
pub(super) fn configure(
    mut builder: ClientBuilder,
    files: Option<&TlsFiles>,
) -> Result<ClientBuilder, TlsError> {
    // Fails if some other part of the process was first, which comes to the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Without TLS no authority is needed: a host need not have any.
    let Some(files) = files else { return Ok(builder.tls_certs_only([])) };
    if let Some(path) = &files.ca {
        let certs = Certificate::from_pem_bundle(&read(path)?);
        builder = builder.tls_certs_only(certs.map_err(content(path, "certificate"))?);
    }
    match (&files.cert, &files.key) {
        (None, None) => {}
        (Some(cert), Some(key)) => {
            let mut pem = read(cert)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            let identity = Identity::from_pem(&pem);
            builder = builder.identity(identity.map_err(content(cert, "certificate with its key"))?);
        }
        _ => return Err(TlsError::Half),
    }
    Ok(builder.https_only(true))
}

/// Has `builder` show this member's certificate, and believe members alone.
pub(super) fn configure_member(
    builder: ClientBuilder,
    files: &MemberFiles,
) -> Result<ClientBuilder, TlsError> {
    let text = |path: &PathBuf| match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(TlsError::NotJoined { path: path.clone() })
        }
        read => read.map_err(|source| TlsError::Read { path: path.clone(), source }),
    };
    let key = NodeKey::from_pem(&text(&files.key)?)?;
    let member = Member::new(key, &text(&files.certificate)?, &text(&files.authorities)?)?;
    let told: Told =
        fs::read(&files.told).ok().and_then(|told| serde_json::from_slice(&told).ok()).unwrap_or_default();
    let barred = Arc::new(Barred::default());
    barred.set(told.revoked.into_keys().collect());
    Ok(builder.tls_backend_preconfigured(store_client(&member, &barred)?).https_only(true))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn content(path: &Path, what: &'static str) -> impl FnOnce(reqwest::Error) -> TlsError {
    move |source| TlsError::Content { path: path.to_owned(), what, source }
}
