//! What a runtime is told when a call fails (CNI specification, section 5, "Error").

use super::config::Config;
use crate::client::ClientError;
use serde_json::{Value, json};

/// The specification's codes, and one of weft's own.
pub(super) mod code {
    pub(crate) const VERSION: u32 = 1;
    pub(crate) const FIELD: u32 = 2;
    pub(crate) const ENVIRONMENT: u32 = 4;
    pub(crate) const IO: u32 = 5;
    pub(crate) const DECODE: u32 = 6;
    pub(crate) const CONFIG: u32 = 7;
    pub(crate) const NETNS: u32 = 8;
    pub(crate) const LATER: u32 = 11;
    pub(crate) const NOT_AVAILABLE: u32 = 50;
    /// An address, name or port is taken; a pool is full; something is not as it should be.
    pub(crate) const CONFLICT: u32 = 100;
}

/// What failed and why, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u32,
    pub(super) message: String,
    details: String,
    version: Option<String>,
}

impl Failure {
    pub(super) fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: String::new(), version: None }
    }

    pub(super) fn details(self, details: impl Into<String>) -> Self {
        Self { details: details.into(), ..self }
    }

    /// In the words of the version that was called.
    pub(super) fn of(self, config: &Config) -> Self {
        Self { version: Some(config.version_given().to_owned()), ..self }
    }

    /// What the agent said, or that it said nothing.
    pub(super) fn agent(error: &ClientError) -> Self {
        let code = match error.status() {
            // It starts, or the store is out of reach.
            None | Some(503) => code::LATER,
            Some(400 | 404) => code::CONFIG,
            Some(_) => code::CONFLICT,
        };
        Self::new(code, error.to_string())
    }

    pub(super) fn to_json(&self) -> Value {
        let version = self.version.as_deref().unwrap_or("1.1.0");
        let mut failure = json!({ "cniVersion": version, "code": self.code, "msg": self.message });
        if !self.details.is_empty() {
            failure["details"] = self.details.as_str().into();
        }
        failure
    }
}
