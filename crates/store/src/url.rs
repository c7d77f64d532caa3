//! How a person writes down a store.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    str::FromStr,
};

/// The longest URL taken, in bytes.
const MAX: usize = 4096;

/// Where a store is: `consul://HOST[:PORT][,HOST…][/PREFIX]`, `etcd://…` and `weft://…` alike, `consul+tls://` and
/// `etcd+tls://` with TLS, or `embedded[:PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// In Consul.
    Consul(RemoteStore),
    /// In etcd.
    Etcd(RemoteStore),
    /// In the file that an agent of the cluster serves to those that have a certificate of the cluster.
    Weft(RemoteStore),
    /// In a file of this machine; absent: where weft keeps its data.
    Embedded(Option<PathBuf>),
}

/// A store on other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteStore {
    /// Its servers as `host:port`, at least one.
    pub servers: Vec<String>,
    /// Whether to speak TLS.
    pub tls: bool,
    /// What its keys start with, without slashes around it; absent: the default.
    pub prefix: Option<String>,
}

/// Why a text is no store's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It begins otherwise.
    #[error(
        "{0:?} is no store: write consul://HOST:8500, etcd://HOST:2379 (consul+tls:// and etcd+tls:// with \
         TLS), or embedded[:PATH]"
    )]
    Scheme(String),
    /// There is a user, password or token in it.
    #[error(
        "a store's URL must not contain a user or password: everyone on this machine can read a command \
         line; use --cluster-store-opt token-file=FILE (Consul), or user=NAME and password-file=FILE (etcd)"
    )]
    Secret,
    /// The name of a server is not valid.
    #[error("{0:?} is no server: write HOST, HOST:PORT or [IPv6]:PORT")]
    Server(String),
    /// The prefix is not valid.
    #[error("the prefix of the store's URL is not valid: {0}")]
    Prefix(String),
    /// It is far too long.
    #[error("a store's URL has at most {MAX} bytes")]
    Long,
}

impl FromStr for StoreUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > MAX {
            return Err(InvalidUrl::Long);
        }
        if text == "embedded" {
            return Ok(Self::Embedded(None));
        }
        if let Some(path) = text.strip_prefix("embedded:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('\0') {
                return Err(InvalidUrl::Scheme(shown(text)));
            }
            // Without its repeated slashes, or "//x" would be written as "embedded://x", which is "x".
            return Ok(Self::Embedded(Some(Path::new(path).components().collect())));
        }
        match text.split_once("://") {
            Some(("weft", rest)) => remote(rest, true, 8500).map(Self::Weft),
            Some(("consul", rest)) => remote(rest, false, 8500).map(Self::Consul),
            Some(("consul+tls", rest)) => remote(rest, true, 8501).map(Self::Consul),
            Some(("etcd", rest)) => remote(rest, false, 2379).map(Self::Etcd),
            Some(("etcd+tls", rest)) => remote(rest, true, 2379).map(Self::Etcd),
            // A text that may contain a secret is never shown.
            _ if text.contains('@') => Err(InvalidUrl::Secret),
            _ => Err(InvalidUrl::Scheme(shown(text))),
        }
    }
}

fn remote(rest: &str, tls: bool, default_port: u16) -> Result<RemoteStore, InvalidUrl> {
    let (servers, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if servers.contains('@') {
        return Err(InvalidUrl::Secret);
    }
    let servers = servers.split(',').map(|server| self::server(server, default_port));
    Ok(RemoteStore { servers: servers.collect::<Result<_, _>>()?, tls, prefix: self::prefix(prefix)? })
}

/// `host:port` of a server, where the port may be missing.
fn server(text: &str, default_port: u16) -> Result<String, InvalidUrl> {
    let invalid = || InvalidUrl::Server(shown(text));
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(invalid)?;
            let address: Ipv6Addr = address.parse().map_err(|_| invalid())?;
            (format!("[{address}]"), port)
        }
        None => {
            let colon = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at(colon);
            (is_host(host).then(|| host.to_ascii_lowercase()).ok_or_else(invalid)?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok(),
        None if port.is_empty() => Some(default_port),
        _ => None,
    };
    let port = port.filter(|port| *port != 0).ok_or_else(invalid)?;
    Ok(format!("{host}:{port}"))
}

/// Whether it is an IPv4 address, or a name as of RFC 1123, section 2.1. Underscores are not right there, but
/// common.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let middle = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        middle && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253
        && name.split('.').all(label)
        && (!last_is_number || matches!(text.parse(), Ok(IpAddr::V4(_))))
}

/// What keys start with, without slashes around it.
pub(crate) fn prefix(text: &str) -> Result<Option<String>, InvalidUrl> {
    let prefix = text.trim_matches('/');
    if prefix.contains(['?', '#', '%']) {
        return Err(InvalidUrl::Prefix(format!("{:?} has one of ?, # and %", shown(prefix))));
    }
    crate::limits::check_prefix(prefix).map_err(InvalidUrl::Prefix)?;
    if prefix.len() > crate::MAX_KEY / 2 {
        return Err(InvalidUrl::Prefix("it is too long".into()));
    }
    Ok((!prefix.is_empty()).then(|| prefix.to_owned()))
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, remote) = match self {
            Self::Consul(remote) => ("consul", remote),
            Self::Etcd(remote) => ("etcd", remote),
            Self::Weft(remote) => ("weft", remote),
            Self::Embedded(None) => return f.write_str("embedded"),
            Self::Embedded(Some(path)) => return write!(f, "embedded:{}", path.display()),
        };
        let tls = if remote.tls && scheme != "weft" { "+tls" } else { "" };
        write!(f, "{scheme}{tls}://{}", remote.servers.join(","))?;
        remote.prefix.as_ref().map_or(Ok(()), |prefix| write!(f, "/{prefix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_urls_mean_what_they_say() {
        for (text, canonical) in [
            ("consul://192.0.2.1", "consul://192.0.2.1:8500"),
            ("consul://192.0.2.1:18500/", "consul://192.0.2.1:18500"),
            ("consul://a,b:1,[2001:db8::1]:2/x/y/", "consul://a:8500,b:1,[2001:db8::1]:2/x/y"),
            ("consul+tls://consul.example.org", "consul+tls://consul.example.org:8501"),
            ("etcd://[::1]/weft", "etcd://[::1]:2379/weft"),
            ("etcd+tls://E1:2379", "etcd+tls://e1:2379"),
            ("embedded", "embedded"),
            ("embedded:/var/lib/weft/store", "embedded:/var/lib/weft/store"),
            ("embedded:///tmp/store", "embedded:/tmp/store"),
            ("embedded:////tmp//store", "embedded:/tmp/store"),
        ] {
            let url: StoreUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(url));
        }
    }

    #[test]
    fn bad_urls_are_refused() {
        for text in [
            "",
            "consul",
            "consul:",
            "consul://",
            "consul:///x",
            "http://h",
            "zk://h",
            "embedded:",
            "consul://h:0",
            "consul://h:70000",
            "consul://h:+1",
            "consul://h:",
            "consul://h:1:2",
            "consul://::1",
            "consul://[::1",
            "consul://[h]",
            "consul://[::1]x",
            "consul://a,,b",
            "consul://a b",
            "consul://1.2.3",
            "consul://300.1.1.1",
            "consul://h/a/../b",
            "consul://h/a//b",
            "consul://h?x=y",
            "consul://h/a?token=x",
            "consul://-h",
            "consul://h\n",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_secret_in_a_url_is_refused_and_not_repeated() {
        for text in ["consul://user:hunter2@h", "etcd://hunter2@h", "https://user:hunter2@h"] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(error, InvalidUrl::Secret);
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_alike(
            text in r"((consul|etcd)(\+tls)?://|embedded:)?[a-z0-9.,:\[\]/@%é-]{0,40}",
        ) {
            if let Ok(url) = text.parse::<StoreUrl>() {
                prop_assert_eq!(url.to_string().parse(), Ok(url));
            }
        }

        #[test]
        fn reading_anything_does_not_panic(text in any::<String>()) {
            let _ = text.parse::<StoreUrl>();
        }
    }
}
