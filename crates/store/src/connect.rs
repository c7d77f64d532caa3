//! From a URL to a store.

use crate::{
    Connections, ConsulConfig, ConsulStore, EmbeddedStore, EtcdConfig, EtcdStore, EtcdUser, HttpError,
    Secret, SecretError, Store, StoreOptions, StoreUrl, TlsFiles, embedded::OpenError, url::RemoteStore,
    watchdog::Watchdog,
};
use std::{path::Path, sync::Arc, time::Duration};

/// A store, ready to be used.
#[derive(Clone)]
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// What the cluster's keys start with; absent: the default.
    pub prefix: Option<String>,
    /// How long sessions live without being renewed.
    pub session_ttl: Duration,
    /// The store once more if it is in a file of this machine: it can be served to others.
    pub embedded: Option<EmbeddedStore>,
    /// Its connections, if it is reached by any.
    pub connections: Option<Connections>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("store", &self.store.describe())
            .field("prefix", &self.prefix)
            .field("session_ttl", &self.session_ttl)
            .finish_non_exhaustive()
    }
}

/// Why a store cannot be used. Not being reachable is no reason.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server names or the TLS files are not valid.
    #[error("cannot use store {url}")]
    Http {
        /// The store.
        url: String,
        /// Why.
        source: HttpError,
    },
    /// There is no token or password where there should be.
    #[error("cannot use store {url}")]
    Secret {
        /// The store.
        url: String,
        /// Why.
        source: SecretError,
    },
    /// An option that this store has no use for: something was meant that will not happen.
    #[error("store {url} has no use for {option}: {reason}")]
    Option {
        /// The store.
        url: String,
        /// The option.
        option: &'static str,
        /// Why not.
        reason: &'static str,
    },
}

/// Opens the store at `url`. `token` is Consul's where no file is given (the caller's `CONSUL_HTTP_TOKEN`);
/// `embedded_path` is the file of `embedded` without a path.
///
/// Connects to nothing: a store that cannot be reached now says so when it is asked. A file is read, which
/// blocks for some milliseconds.
///
/// # Errors
/// [`ConnectError`] for what will not get better by waiting.
pub fn connect(
    url: &StoreUrl,
    options: &StoreOptions,
    token: Option<Secret>,
    embedded_path: &Path,
) -> Result<Opened, ConnectError> {
    refuse_useless(url, options)?;
    let http = |source| ConnectError::Http { url: url.to_string(), source };
    let secret = |path: &Path| {
        Secret::read(path).map_err(|source| ConnectError::Secret { url: url.to_string(), source })
    };
    let (mut embedded, mut connections) = (None, None);
    let (store, prefix): (Arc<dyn Store>, _) = match url {
        StoreUrl::Consul(remote) => {
            let token = options.token_file.as_deref().map(secret).transpose()?.or(token);
            let (servers, tls) = (remote.servers.clone(), tls(remote, options));
            let store = ConsulStore::new(&ConsulConfig { servers, tls, token }).map_err(http)?;
            connections = Some(store.connections());
            (Arc::new(Watchdog::new(store)), remote.prefix.clone())
        }
        StoreUrl::Weft(remote) => {
            let member = options.member.clone().unwrap_or_default();
            let store = ConsulStore::of_member(&remote.servers, &member).map_err(http)?;
            connections = Some(store.connections());
            (Arc::new(Watchdog::new(store)), remote.prefix.clone())
        }
        StoreUrl::Etcd(remote) => {
            let user = match (&options.user, &options.password_file) {
                (Some(name), Some(path)) => Some(EtcdUser { name: name.clone(), password: secret(path)? }),
                _ => None,
            };
            let config = EtcdConfig { servers: remote.servers.clone(), tls: tls(remote, options), user };
            let store = EtcdStore::new(&config).map_err(http)?;
            connections = Some(store.connections());
            (Arc::new(Watchdog::new(store)), remote.prefix.clone())
        }
        StoreUrl::Embedded(path) => {
            let store = EmbeddedStore::open(path.as_deref().unwrap_or(embedded_path))?;
            embedded = Some(store.clone());
            (Arc::new(store), None)
        }
    };
    let prefix = prefix.or_else(|| options.prefix.clone());
    Ok(Opened { store, prefix, session_ttl: options.session_ttl, embedded, connections })
}

/// TLS, if the URL or a certificate asks for it.
fn tls(remote: &RemoteStore, options: &StoreOptions) -> Option<TlsFiles> {
    (remote.tls || options.tls != TlsFiles::default()).then(|| options.tls.clone())
}

fn refuse_useless(url: &StoreUrl, options: &StoreOptions) -> Result<(), ConnectError> {
    let refuse = |option, reason| Err(ConnectError::Option { url: url.to_string(), option, reason });
    let is_embedded = matches!(url, StoreUrl::Embedded(_));
    if is_embedded && options.tls != TlsFiles::default() {
        return refuse("certificates", "it is a file of this machine");
    }
    if matches!(url, StoreUrl::Weft(_)) && options.tls != TlsFiles::default() {
        return refuse("certificates", "this host's own, of the cluster, are shown");
    }
    if !matches!(url, StoreUrl::Consul(_)) && options.token_file.is_some() {
        return refuse("token-file", "tokens are Consul's");
    }
    let wants_user = options.user.is_some() || options.password_file.is_some();
    if wants_user && !matches!(url, StoreUrl::Etcd(_)) {
        return refuse("user and password-file", "they are etcd's");
    }
    if options.user.is_some() != options.password_file.is_some() {
        return refuse("one of user and password-file", "they go together");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str, options: &[&str]) -> Result<Opened, ConnectError> {
        let options = StoreOptions::parse(options).unwrap();
        connect(&url.parse().unwrap(), &options, None, Path::new("/nonexistent"))
    }

    #[test]
    fn a_store_that_is_not_there_can_be_opened() {
        let opened = open("consul://127.0.0.1:1,[::1]:1/prod", &["kv.path=x"]).unwrap();
        assert_eq!(opened.store.describe(), "consul://127.0.0.1:1,[::1]:1");
        assert_eq!(opened.prefix.as_deref(), Some("prod"));
        let opened = open("etcd+tls://example.org", &["kv.path=x"]).unwrap();
        assert_eq!(opened.store.describe(), "etcd+tls://example.org:2379");
        assert_eq!(opened.prefix.as_deref(), Some("x"));
    }

    #[test]
    fn files_that_are_missing_are_named() {
        for (url, option) in
            [("consul://h", "token-file=/nonexistent/token"), ("consul://h", "kv.cacertfile=/nonexistent/ca")]
        {
            let error = open(url, &[option]).unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("/nonexistent/"), "{source}");
        }
    }

    #[test]
    fn options_without_effect_are_refused() {
        for (url, options) in [
            ("embedded", vec!["kv.cacertfile=/x"]),
            ("embedded", vec!["token-file=/x"]),
            ("etcd://h", vec!["token-file=/x"]),
            ("etcd://h", vec!["user=x"]),
            ("consul://h", vec!["user=x", "password-file=/x"]),
            ("consul://h", vec!["kv.certfile=/x"]),
        ] {
            assert!(open(url, &options).is_err(), "{url} {options:?}");
        }
    }
}
