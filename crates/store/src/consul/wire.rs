//! Consul's JSON: <https://developer.hashicorp.com/consul/api-docs>.

use crate::{Revision, SessionId, StoreEntry};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A key as `GET /v1/kv` shows it. It lies in the answer: of thousands, few are looked at closer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pair<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    /// Base64; absent or null for an empty value.
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
    pub(super) modify_index: u64,
    #[serde(borrow)]
    session: Option<Cow<'a, str>>,
}

impl<'a> Pair<'a> {
    pub(super) fn read(object: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(object).map_err(|error| error.to_string())
    }

    pub(super) fn entry(self) -> Result<StoreEntry, String> {
        let value = BASE64_STANDARD.decode(self.value.as_deref().unwrap_or_default());
        let value = value.map_err(|error| format!("the value of {:?}: {error}", self.key))?;
        let session = self.session.filter(|session| !session.is_empty());
        let session = session.map(|session| SessionId(session.into_owned()));
        Ok(StoreEntry { key: self.key.into_owned(), value, modified: Revision(self.modify_index), session })
    }
}

/// One operation of `PUT /v1/txn`.
#[derive(Debug, Serialize)]
pub(super) struct TxnOp<'a> {
    #[serde(rename = "KV")]
    pub(super) kv: KvOp<'a>,
}

/// An operation on a key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KvOp<'a> {
    pub(super) verb: &'static str,
    pub(super) key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<&'a str>,
}

/// What a transaction that was not carried out answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TxnAnswer {
    #[serde(default)]
    pub(super) errors: Option<Vec<TxnError>>,
}

/// Why an operation failed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TxnError {
    pub(super) op_index: usize,
    #[serde(default)]
    pub(super) what: String,
}

/// What `PUT /v1/session/create` is asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewSession {
    pub(super) name: &'static str,
    /// `delete`: the session's keys go with it.
    pub(super) behavior: &'static str,
    /// How long nobody can take the keys of a session that ended; they are gone, so there is nothing to
    /// protect.
    pub(super) lock_delay: &'static str,
    #[serde(rename = "TTL")]
    pub(super) ttl: String,
    /// None: the session ends by its TTL only, and not with the Consul agent that happened to make it.
    pub(super) checks: [&'static str; 0],
    pub(super) node_checks: [&'static str; 0],
}

/// What it answers.
#[derive(Debug, Deserialize)]
pub(super) struct CreatedSession {
    #[serde(rename = "ID")]
    pub(super) id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pair_of_consul_can_be_read() {
        let entry = |object: &str| Pair::read(object.as_bytes()).and_then(Pair::entry);
        let bound = entry(
            r#"{"LockIndex":1,"Key":"b","Flags":0,"Value":"dGVzdA==","CreateIndex":5,
            "ModifyIndex":7,"Session":"adf4238a-882b-9ddc-4a9d-5b6758e4159e"}"#,
        );
        let bound = bound.unwrap();
        assert_eq!(
            (bound.key.as_str(), bound.value.as_slice(), bound.modified),
            ("b", &b"test"[..], Revision(7))
        );
        assert!(bound.session.is_some());
        let empty = entry(
            r#"{"LockIndex":0,"Key":"a\u003c/","Flags":0,"Value":null,"CreateIndex":6,"ModifyIndex":6}"#,
        );
        let empty = empty.unwrap();
        assert_eq!((empty.key.as_str(), empty.value.as_slice(), empty.session), ("a</", &b""[..], None));
    }

    #[test]
    fn what_consul_would_not_say_is_an_error() {
        for bad in [
            "",
            "null",
            "[]",
            r#"{"Key":"a"}"#,
            r#"{"Key":"a","Value":"%%%","ModifyIndex":1}"#,
            r#"{"Key":"a","Value":7,"ModifyIndex":1}"#,
            r#"{"Key":"a","Value":"","ModifyIndex":-1}"#,
        ] {
            assert!(Pair::read(bad.as_bytes()).and_then(Pair::entry).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_anything_does_not_panic(body in any::<Vec<u8>>(), text in r#"[\[\]{}":,a-zA-Z0-9=]{0,80}"#) {
            let _ = Pair::read(&body).and_then(Pair::entry);
            let _ = Pair::read(text.as_bytes()).and_then(Pair::entry);
            let _ = serde_json::from_str::<TxnAnswer>(&text);
        }
    }
}
