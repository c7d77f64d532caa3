//! `-e K=V`, `-e K`.

use super::shown;
use std::str::FromStr;

/// An environment variable: `K=V`, or `K` for the one the caller has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvArg {
    /// With this value, which may be empty.
    Set(String, String),
    /// With the value it has in the caller's environment, if it is there.
    Inherit(String),
}

/// Why a string is not an [`EnvArg`]. Never shows a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnv {
    /// `=V`, or nothing.
    #[error("invalid environment variable: its name is empty; expected NAME=VALUE, or NAME for your own")]
    NoName,
    /// A NUL byte, which ends a string in the kernel's eyes.
    #[error("invalid environment variable {0:?}: it contains a NUL byte")]
    Nul(String),
}

impl EnvArg {
    /// Name and value; `None` if it was to be inherited and is not there, as Docker has it.
    pub fn resolve(self, lookup: impl FnOnce(&str) -> Option<String>) -> Option<(String, String)> {
        match self {
            Self::Set(name, value) => Some((name, value)),
            Self::Inherit(name) => lookup(&name).map(|value| (name, value)),
        }
    }
}

impl FromStr for EnvArg {
    type Err = InvalidEnv;
    fn from_str(text: &str) -> Result<Self, InvalidEnv> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if name.is_empty() {
            return Err(InvalidEnv::NoName);
        }
        if text.contains('\0') {
            return Err(InvalidEnv::Nul(shown(name)));
        }
        Ok(match value {
            Some(value) => Self::Set(name.to_owned(), value.to_owned()),
            None => Self::Inherit(name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_docker_takes_them() {
        let parse = |text: &str| text.parse::<EnvArg>();
        assert_eq!(parse("A=b=c"), Ok(EnvArg::Set("A".into(), "b=c".into())));
        assert_eq!(parse("A="), Ok(EnvArg::Set("A".into(), String::new())));
        assert_eq!(parse("A"), Ok(EnvArg::Inherit("A".into())));
        assert_eq!(parse("=b"), Err(InvalidEnv::NoName));
        assert_eq!(parse(""), Err(InvalidEnv::NoName));
    }

    #[test]
    fn inherits_what_is_there() {
        let inherit = || EnvArg::Inherit("A".into());
        assert_eq!(inherit().resolve(|_| Some("x".into())), Some(("A".into(), "x".into())));
        assert_eq!(inherit().resolve(|_| None), None);
    }

    #[test]
    fn errors_keep_secrets() {
        let error = "TOKEN=hunter2\0".parse::<EnvArg>().unwrap_err().to_string();
        assert!(error.contains("TOKEN") && !error.contains("hunter2"), "{error}");
    }

    proptest! {
        #[test]
        fn any_name_and_value_come_through(name in "[^=\0]+", value in "[^\0]*") {
            let parsed: EnvArg = format!("{name}={value}").parse().unwrap();
            prop_assert_eq!(parsed.resolve(|_| None), Some((name, value)));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = text.parse::<EnvArg>();
        }
    }
}
