//! etcd's JSON: its protobuf messages (`api/etcdserverpb/rpc.proto`) as its gateway translates them. Numbers
//! of 64 bits are strings, bytes are base64, and what is zero or empty is left out.

use crate::{Event, Revision, SessionId, StoreEntry};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A number of 64 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Int(pub(super) i64);

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        match Either::deserialize(deserializer)? {
            Either::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
            Either::Number(number) => Ok(Self(number)),
        }
    }
}

impl Int {
    /// As a revision; those are never negative.
    pub(super) fn revision(self) -> Revision {
        Revision(u64::try_from(self.0).unwrap_or_default())
    }

    /// A revision for etcd, where they have 63 bits.
    pub(super) fn from_revision(revision: Revision) -> Self {
        Self(i64::try_from(revision.0).unwrap_or(i64::MAX))
    }

    /// The lease a session is, if it is one of etcd's.
    pub(super) fn from_session(session: &SessionId) -> Option<Self> {
        session.0.parse().ok().filter(|id| *id != 0).map(Self)
    }
}

/// Bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// What tells an answer of etcd from one of something else: never left out, and never zero.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) revision: Int,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    pub(super) mod_revision: Int,
    pub(super) lease: Int,
}

impl KeyValue {
    /// `None`: the key is not text, so weft did not write it.
    pub(super) fn entry(self) -> Option<StoreEntry> {
        Some(StoreEntry {
            key: String::from_utf8(self.key.0).ok()?,
            value: self.value.0,
            modified: self.mod_revision.revision(),
            session: (self.lease.0 != 0).then(|| SessionId(self.lease.0.to_string())),
        })
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct RangeRequest {
    pub(super) key: Bytes,
    pub(super) range_end: Bytes,
    pub(super) revision: Int,
    pub(super) limit: Int,
    /// Whether a member may answer without asking the others.
    pub(super) serializable: bool,
}

/// Asks for the first key of a range only, in the order given.
#[derive(Debug, Serialize)]
pub(super) struct MarkRequest {
    pub(super) key: Bytes,
    pub(super) range_end: Bytes,
    pub(super) limit: Int,
    pub(super) sort_order: &'static str,
    pub(super) sort_target: &'static str,
    pub(super) keys_only: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct RangeResponse {
    pub(super) header: Header,
    /// The number of all keys in the range, even above the limit.
    #[serde(default)]
    pub(super) count: Int,
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(super) more: bool,
}

/// A condition of a transaction: `target` of `key` is `result` to the number given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Compare {
    pub(super) key: Bytes,
    pub(super) result: &'static str,
    pub(super) target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mod_revision: Option<Int>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<Int>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) enum RequestOp {
    #[serde(rename = "request_range")]
    Range { key: Bytes },
    #[serde(rename = "request_put")]
    Put { key: Bytes, value: Bytes, lease: Int, ignore_lease: bool },
    #[serde(rename = "request_delete_range")]
    DeleteRange { key: Bytes },
    #[serde(rename = "request_txn")]
    Txn(TxnRequest),
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct TxnRequest {
    pub(super) compare: Vec<Compare>,
    pub(super) success: Vec<RequestOp>,
    pub(super) failure: Vec<RequestOp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TxnResponse {
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
    #[serde(default)]
    pub(super) responses: Vec<ResponseOp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseOp {
    pub(super) response_range: Ranged,
}

/// What a transaction found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ranged {
    pub(super) kvs: Vec<KeyValue>,
}

/// Of granting and of renewing a lease.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LeaseResponse {
    #[serde(rename = "ID")]
    pub(super) id: Int,
    /// In seconds; zero: there is no such lease.
    #[serde(rename = "TTL")]
    pub(super) ttl: Int,
}

/// One message of a stream.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Default + Deserialize<'de>", default)]
#[derive(Default)]
pub(super) struct Streamed<T> {
    pub(super) result: T,
    pub(super) error: Option<ErrorResponse>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WatchResponse {
    pub(super) canceled: bool,
    pub(super) compact_revision: Int,
    pub(super) cancel_reason: String,
    pub(super) events: Vec<WatchEvent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WatchEvent {
    /// `DELETE`, or else a put.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) kv: KeyValue,
}

impl WatchEvent {
    pub(super) fn event(self) -> Option<Event> {
        let entry = self.kv.entry()?;
        Some(if self.kind == "DELETE" { Event::Delete(entry.key) } else { Event::Put(entry) })
    }
}

/// What goes with an HTTP status that is not 200. `error` is what 3.4 calls `message`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorResponse {
    pub(super) message: String,
    pub(super) error: String,
    /// gRPC's, of 3.4's unary calls.
    pub(super) code: i64,
    /// gRPC's, of 3.4's streams.
    pub(super) grpc_code: i64,
}

impl ErrorResponse {
    pub(super) fn reason(&self) -> &str {
        if self.message.is_empty() { &self.error } else { &self.message }
    }
}

/// The end of the range of keys that start with `prefix`: the prefix with its last byte one higher. A byte
/// of 0xff has none higher (UTF-8 has no such byte), and no prefix means every key, which etcd writes "\0".
pub(super) fn end_of(prefix: &str) -> Bytes {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => end.push(0),
    }
    Bytes(end)
}

/// The first key that starts with `prefix`.
pub(super) fn start_of(prefix: &str) -> Bytes {
    if prefix.is_empty() { Bytes(vec![0]) } else { Bytes::of(prefix) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_of_etcd_can_be_read() {
        let body = r#"{"header":{"cluster_id":"14841639068965178418","revision":"7","raft_term":"2"},
            "kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"5","version":"1","value":"YmFy",
            "lease":"7587862094"},{"key":"/w==","mod_revision":"6"}],"count":"2"}"#;
        let range: RangeResponse = serde_json::from_str(body).unwrap();
        assert_eq!(range.header.revision.revision(), Revision(7));
        let entries: Vec<_> = range.kvs.into_iter().map(KeyValue::entry).collect();
        let entry = entries[0].clone().unwrap();
        assert_eq!((entry.key.as_str(), entry.value.as_slice()), ("foo", b"bar".as_slice()));
        assert_eq!(entry.modified, Revision(5));
        assert_eq!(entry.session, Some(SessionId("7587862094".into())));
        assert_eq!(entries[1], None);
    }

    #[test]
    fn a_prefix_ends_before_the_next() {
        assert_eq!(end_of("weft/v1/").0, b"weft/v10");
        assert_eq!((start_of("").0, end_of("").0), (vec![0], vec![0]));
    }

    proptest! {
        #[test]
        fn reading_anything_does_not_panic(text in r#"[\[\]{}":,a-zA-Z0-9=_]{0,80}"#, id in ".{0,30}") {
            let _ = serde_json::from_str::<RangeResponse>(&text);
            let _ = serde_json::from_str::<TxnResponse>(&text);
            let _ = serde_json::from_str::<Streamed<WatchResponse>>(&text);
            let _ = Int::from_session(&SessionId(id));
        }

        #[test]
        fn numbers_are_read_as_text_or_as_numbers(number in any::<i64>()) {
            let text = format!(r#"{{"ID":"{number}","TTL":{number}}}"#);
            let lease: LeaseResponse = serde_json::from_str(&text).unwrap();
            prop_assert_eq!((lease.id.0, lease.ttl.0), (number, number));
        }

        #[test]
        fn a_range_has_just_the_keys_of_its_prefix(prefix in "[a-zäß/~]{1,6}", key in "[a-zäß/~]{0,9}") {
            let (start, end) = (start_of(&prefix).0, end_of(&prefix).0);
            let inside = key.as_bytes() >= start.as_slice() && key.as_bytes() < end.as_slice();
            prop_assert_eq!(inside, key.starts_with(&prefix));
        }
    }
}
