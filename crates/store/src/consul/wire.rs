//! Consul's JSON: <https://developer.hashicorp.com/consul/api-docs>.

use crate::{Entry, Listing, Revision, SessionId};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// A key as `GET /v1/kv` shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    key: String,
    /// Base64; absent or null for an empty value.
    value: Option<String>,
    modify_index: u64,
    session: Option<String>,
}

/// Reads the answer of `GET /v1/kv`.
pub(super) fn listing(body: &[u8], index: u64) -> Result<Listing, String> {
    let pairs: Vec<Pair> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut entries = pairs.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok(Listing { entries, revision: Revision(index) })
}

fn entry(pair: Pair) -> Result<Entry, String> {
    let value = BASE64_STANDARD.decode(pair.value.unwrap_or_default());
    let value = value.map_err(|error| format!("the value of {:?}: {error}", pair.key))?;
    let session = pair.session.filter(|session| !session.is_empty()).map(SessionId);
    Ok(Entry { key: pair.key, value, modified: Revision(pair.modify_index), session })
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
    fn a_listing_of_consul_can_be_read() {
        let body = br#"[{"LockIndex":1,"Key":"b","Flags":0,"Value":"dGVzdA==","CreateIndex":5,
            "ModifyIndex":7,"Session":"adf4238a-882b-9ddc-4a9d-5b6758e4159e"},
            {"LockIndex":0,"Key":"a/","Flags":0,"Value":null,"CreateIndex":6,"ModifyIndex":6}]"#;
        let listing = listing(body, 9).unwrap();
        assert_eq!(listing.revision, Revision(9));
        assert_eq!(listing.entries[0].key, "a/");
        assert_eq!(listing.entries[0].value, b"");
        assert_eq!(listing.entries[0].session, None);
        assert_eq!(listing.entries[1].value, b"test");
        assert!(listing.entries[1].session.is_some());
    }

    #[test]
    fn what_consul_would_not_say_is_an_error() {
        for bad in [
            "",
            "null",
            "{}",
            "[1]",
            r#"[{"Key":"a"}]"#,
            r#"[{"Key":"a","Value":"%%%","ModifyIndex":1}]"#,
            r#"[{"Key":"a","Value":7,"ModifyIndex":1}]"#,
            r#"[{"Key":"a","Value":"","ModifyIndex":-1}]"#,
        ] {
            assert!(listing(bad.as_bytes(), 1).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_anything_does_not_panic(body in any::<Vec<u8>>(), text in r#"[\[\]{}":,a-zA-Z0-9=]{0,80}"#) {
            let _ = listing(&body, 1);
            let _ = listing(text.as_bytes(), 1);
            let _ = serde_json::from_str::<TxnAnswer>(&text);
        }
    }
}
