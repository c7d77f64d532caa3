//! What else is to be said about a store: the `k=v` of Docker's `--cluster-store-opt`.

use crate::{MemberFiles, TlsFiles, url};
use std::{path::PathBuf, time::Duration};

/// The TTLs that every store takes: Consul's limits (`agent/structs/structs.go`, `SessionTTLMax`;
/// `session_ttl_min`).
const TTLS: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(86_400);

/// What every option is and does, for a help text.
pub const STORE_OPTIONS: &[(&str, &str)] = &[
    ("kv.cacertfile", "PEM file with the authorities that may vouch for the store; turns TLS on"),
    ("kv.certfile", "PEM file with this client's certificate; turns TLS on"),
    ("kv.keyfile", "PEM file with its key"),
    ("kv.path", "what the keys in the store start with (default weft)"),
    ("discovery.ttl", "how long a silent node counts as up, in seconds (default 20)"),
    ("token-file", "file with Consul's ACL token, or the token of `weft store serve`"),
    ("user", "etcd's user"),
    ("password-file", "file with etcd's password"),
];

/// Options of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Certificates; any of them turns TLS on.
    pub tls: TlsFiles,
    /// What keys start with, without slashes around it.
    pub prefix: Option<String>,
    /// How long a session lives without being renewed.
    pub session_ttl: Duration,
    /// Consul's ACL token.
    pub token_file: Option<PathBuf>,
    /// etcd's user.
    pub user: Option<String>,
    /// etcd's password.
    pub password_file: Option<PathBuf>,
    /// The files of this host as a member of its cluster, for `weft://`. Nobody says where they are: the agent knows.
    pub member: Option<MemberFiles>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            tls: TlsFiles::default(),
            prefix: None,
            session_ttl: Duration::from_secs(20),
            token_file: None,
            user: None,
            password_file: None,
            member: None,
        }
    }
}

/// Why an option cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOption {
    /// It has no value.
    #[error("store option {0:?} has no value: write KEY=VALUE")]
    NoValue(String),
    /// There is no such option.
    #[error("there is no store option {0:?}: there are {known}", known = known())]
    Unknown(String),
    /// A secret does not belong there.
    #[error(
        "store option {0} must not be given like this: everyone on this machine can read a command line; put \
         it into a file that only weft can read and give {0}-file=FILE{1}"
    )]
    Secret(&'static str, &'static str),
    /// The TTL is not valid.
    #[error("discovery.ttl={0:?} is no time: give seconds, from 10 to 86400")]
    Ttl(String),
    /// The prefix is not valid.
    #[error("kv.path: {0}")]
    Prefix(#[source] url::InvalidUrl),
}

fn known() -> String {
    STORE_OPTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl StoreOptions {
    /// Reads options given as `key=value`. The last of several counts.
    ///
    /// # Errors
    /// [`InvalidOption`] for the first that cannot be taken.
    pub fn parse<T: AsRef<str>>(options: impl IntoIterator<Item = T>) -> Result<Self, InvalidOption> {
        let mut parsed = Self::default();
        options.into_iter().try_for_each(|option| parsed.set(option.as_ref()))?;
        Ok(parsed)
    }

    fn set(&mut self, option: &str) -> Result<(), InvalidOption> {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key {
            "token" => return Err(InvalidOption::Secret("token", ", or set CONSUL_HTTP_TOKEN_FILE")),
            "password" => return Err(InvalidOption::Secret("password", "")),
            _ if !STORE_OPTIONS.iter().any(|(known, _)| *known == key) => {
                return Err(InvalidOption::Unknown(key.chars().take(100).collect()));
            }
            _ if value.is_empty() => return Err(InvalidOption::NoValue(key.to_owned())),
            _ => {}
        }
        match key {
            "kv.cacertfile" => self.tls.ca = Some(value.into()),
            "kv.certfile" => self.tls.cert = Some(value.into()),
            "kv.keyfile" => self.tls.key = Some(value.into()),
            "kv.path" => self.prefix = url::prefix(value).map_err(InvalidOption::Prefix)?,
            "discovery.ttl" => self.session_ttl = ttl(value)?,
            "token-file" => self.token_file = Some(value.into()),
            "user" => self.user = Some(value.to_owned()),
            _ => self.password_file = Some(value.into()),
        }
        Ok(())
    }
}

fn ttl(text: &str) -> Result<Duration, InvalidOption> {
    // Docker took plain seconds; people write a unit all the same.
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok().map(Duration::from_secs);
    seconds
        .filter(|ttl| TTLS.contains(ttl))
        .ok_or_else(|| InvalidOption::Ttl(text.chars().take(100).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_options_of_docker_are_read() {
        let options = StoreOptions::parse([
            "kv.cacertfile=/ca.pem",
            "kv.certfile=/cert.pem",
            "kv.keyfile=/key.pem",
            "kv.path=/prod/weft/",
            "discovery.ttl=30",
            "token-file=/etc/weft/token",
        ]);
        let options = options.unwrap();
        assert_eq!(options.tls.ca, Some("/ca.pem".into()));
        assert_eq!(options.prefix.as_deref(), Some("prod/weft"));
        assert_eq!(options.session_ttl, Duration::from_secs(30));
        assert_eq!(options.token_file, Some("/etc/weft/token".into()));
        assert_eq!(StoreOptions::parse([""; 0]), Ok(StoreOptions::default()));
    }

    #[test]
    fn every_option_that_is_told_of_is_taken() {
        for (name, _) in STORE_OPTIONS {
            assert!(
                StoreOptions::parse([format!("{name}=20")]).unwrap() != StoreOptions::default()
                    || *name == "discovery.ttl"
            );
            assert!(StoreOptions::parse([name]).is_err(), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in
            ["", "=", "x=y", "discovery.ttl=9", "discovery.ttl=-1", "discovery.ttl=99999", "kv.path=a/../b"]
        {
            assert!(StoreOptions::parse([bad]).is_err(), "{bad}");
        }
        let error = StoreOptions::parse(["token=hunter2"]).unwrap_err().to_string();
        assert!(error.contains("token-file=FILE") && !error.contains("hunter2"), "{error}");
        assert!(StoreOptions::parse(["password=hunter2"]).is_err());
    }

    proptest! {
        #[test]
        fn reading_anything_does_not_panic(text in "(kv.path|discovery.ttl|user)?=?.{0,30}") {
            let _ = StoreOptions::parse([text]);
        }
    }
}
