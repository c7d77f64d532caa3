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

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal) => {
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
                check($what, &name, $max).map(|()| Self(name))
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
    /// An endpoint's name or alias: what other containers resolve. At most 63 bytes, so that every label of
    /// it fits in DNS (RFC 1035 section 2.3.4).
    EndpointName,
    "endpoint",
    63
);

impl EndpointName {
    /// What an endpoint is called until its engine tells: nobody else has it, or types it by accident.
    pub fn provisional(id: &EndpointId) -> Self {
        // Hexadecimal digits are a name.
        Self(id.short())
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
    fn says_why_not() {
        let why = |name: &str| name.parse::<EndpointName>().unwrap_err().to_string();
        assert_eq!(why(""), "invalid endpoint name \"\": it is empty");
        assert!(why("-rm").ends_with("it must start with a letter or a digit"));
        assert!(why("a/b").ends_with("only letters, digits, '_', '.' and '-' are allowed"));
        assert!(why(&"a".repeat(64)).ends_with("it is longer than 63 bytes"));
        assert!(why("naïve").contains("only letters"));
    }

    #[test]
    fn json_is_checked_too() {
        assert!(serde_json::from_str::<NodeName>("\"host 1\"").is_err());
        assert_eq!(serde_json::from_str::<NodeName>("\"host1\"").unwrap().as_str(), "host1");
    }
}
