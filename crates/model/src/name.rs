//! Names people choose: of networks, nodes and endpoints.

use crate::EndpointId;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a string is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} name {name:?}: {why}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    why: &'static str,
}

/// Checks what Docker's own names obey (`[a-zA-Z0-9][a-zA-Z0-9_.-]*`, `daemon/names/names.go`) within `max`
/// bytes.
fn check(what: &'static str, name: &str, max: usize) -> Result<(), InvalidName> {
    let fail = |why| {
        // A hostile name must not fill the log or the terminal.
        let shown = name.chars().take(80).collect();
        Err(InvalidName { what, name: shown, why })
    };
    let Some(first) = name.bytes().next() else { return fail("it is empty") };
    if name.len() > max {
        return fail(if max == 63 { "it is longer than 63 bytes" } else { "it is longer than 128 bytes" });
    }
    if !first.is_ascii_alphanumeric() {
        return fail("it must start with a letter or a digit");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
        return fail("only letters, digits, '_', '.' and '-' are allowed");
    }
    Ok(())
}

/// Checks what containers are called: what Docker takes, aliases too, as far as it can be asked for.
fn check_endpoint(name: &str) -> Result<(), InvalidName> {
    let fail = |why| Err(InvalidName { what: "endpoint", name: name.chars().take(80).collect(), why });
    let Some(first) = name.bytes().next() else { return fail("it is empty") };
    if !first.is_ascii_alphanumeric() && first != b'_' {
        return fail("it must start with a letter, a digit or '_'");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
        return fail("only letters, digits, '_', '.' and '-' are allowed");
    }
    // RFC 1035 section 2.3.4.
    if name.len() > 253 {
        return fail("it is longer than 253 bytes");
    }
    if name.split('.').any(|label| label.len() > 63) {
        return fail("there are more than 63 bytes without a dot");
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal) => {
        name!($(#[$doc])* $type, |name| check($what, name, $max));
    };
    ($(#[$doc:meta])* $type:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(name: String) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), InvalidName> = $check;
                check(&name).map(|()| Self(name))
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::try_from(name.to_owned())
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// A network's name, unique in the cluster, at most 128 bytes.
    NetworkName,
    "network",
    128
);
name!(
    /// A node's name, unique in the cluster, at most 63 bytes: by default the host's name.
    NodeName,
    "node",
    63
);
name!(
    /// The name of who may use the remote API, at most 63 bytes.
    UserName,
    "user",
    63
);
name!(
    /// An endpoint's name or alias: what other containers resolve. At most 63 bytes between its dots, and 253 in all,
    /// so that it fits in DNS.
    EndpointName,
    check_endpoint
);

impl EndpointName {
    /// What an endpoint is called until its engine tells: nobody else has it, or types it by accident.
    pub fn provisional(id: &EndpointId) -> Self {
        // Hexadecimal digits are a name.
        Self(id.short())
    }

    /// Whether it can be asked for. `a..b` is a container's name, and none that DNS can express.
    pub fn is_dns(&self) -> bool {
        self.0.split('.').all(|label| !label.is_empty())
    }

    /// Whether agents read it that know names of at most 63 bytes, which begin with a letter or a digit.
    pub(crate) fn is_narrow(&self) -> bool {
        check("endpoint", &self.0, 63).is_ok()
    }

    /// What such agents are told instead.
    pub(crate) fn narrowed(&self, container: Option<&str>) -> Self {
        let short = container.and_then(|id| id.get(..12)).and_then(|id| id.parse().ok());
        let cut = || self.0.trim_start_matches('_').chars().take(63).collect::<String>().parse();
        short.or_else(|| cut().ok()).filter(Self::is_narrow).unwrap_or_else(|| Self("unnamed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_docker_takes() {
        for ok in ["overlay", "nginx_02", "a", "my-app.v2", "0day"] {
            assert_eq!(ok.parse::<NetworkName>().unwrap().as_str(), ok);
        }
    }

    #[test]
    fn takes_what_dns_takes() {
        let long = [&*"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].join(".");
        assert_eq!(long.len(), 253);
        for ok in ["_x", "Case.Kept", "_sip._tcp", &"x".repeat(63), &long] {
            let name: EndpointName = ok.parse().unwrap();
            assert!(name.as_str() == ok && name.is_dns());
        }
        assert!(!"a..b".parse::<EndpointName>().unwrap().is_dns());
    }

    #[test]
    fn what_older_agents_are_told() {
        let narrowed = |name: &str, container| name.parse::<EndpointName>().unwrap().narrowed(container).0;
        let id = "c".repeat(64);
        assert_eq!(narrowed("_x", Some(id.as_str())), "cccccccccccc");
        assert_eq!(narrowed("_x", None), "x");
        assert_eq!(narrowed("__", None), "unnamed");
        assert_eq!(narrowed(&format!("{0}.{0}", "a".repeat(40)), None).len(), 63);
    }

    #[test]
    fn says_why_not() {
        let why = |name: &str| name.parse::<EndpointName>().unwrap_err().to_string();
        assert_eq!(why(""), "invalid endpoint name \"\": it is empty");
        assert!(why("-rm").ends_with("it must start with a letter, a digit or '_'"));
        assert!(why("a/b").ends_with("only letters, digits, '_', '.' and '-' are allowed"));
        assert!(why(&"a".repeat(64)).ends_with("there are more than 63 bytes without a dot"));
        assert!(why(&format!("a.{}", "b.".repeat(130))).ends_with("it is longer than 253 bytes"));
        assert!("_x".parse::<NetworkName>().is_err());
        assert!(why("naïve").contains("only letters"));
    }

    #[test]
    fn json_is_checked_too() {
        assert!(serde_json::from_str::<NodeName>("\"host 1\"").is_err());
        assert_eq!(serde_json::from_str::<NodeName>("\"host1\"").unwrap().as_str(), "host1");
    }
}
