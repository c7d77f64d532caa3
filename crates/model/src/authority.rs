//! A cluster's authority that comes after another.

use crate::{AuthorityId, Extra, Record};
use serde::{Deserialize, Serialize};

/// An authority of the cluster, but for its first: the value of a [`Key::Authority`](crate::Key::Authority), which is the
/// SHA-256 of its certificate. Who may have written it makes no difference: its signatures say what it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityRecord {
    /// Its certificate: DER, in base64.
    pub certificate: String,
    /// The authority before it, which says that it is to be believed. Without one, hosts believe it that joined with a token
    /// of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Endorsement>,
    /// Its own signature, in base64, which says that no authority before it is to be believed any more: every host has a
    /// certificate by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<String>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

/// That an authority says that another is to be believed after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// Which authority says so.
    pub authority: AuthorityId,
    /// Its signature, in base64.
    pub signature: String,
}

impl Record for AuthorityRecord {
    const WHAT: &'static str = "authority";
}
