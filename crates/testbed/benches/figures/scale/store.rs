//! The stores that are compared, and how they are written to past weft.

use super::records::Written;
use crate::{cluster::Cluster, raw::connect};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use weft_testbed::{Host, request};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Answers every change with everything it has.
    Consul,
    /// Answers a change with what changed: what is left of an agent's cost is its own.
    Etcd,
}

impl Store {
    /// Two agents on it; `None` if this machine cannot have that.
    pub(crate) fn cluster(self) -> Option<Cluster> {
        match self {
            Self::Consul => Cluster::up(),
            Self::Etcd => Cluster::up_on(Host::etcd),
        }
    }

    /// What its figures have at the end of their names.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Consul => "",
            Self::Etcd => ", on etcd",
        }
    }

    /// Writes records in one transaction. Each store takes 64.
    pub(crate) fn write(self, cluster: &Cluster, records: &[Written]) {
        let (method, path, body) = match self {
            Self::Consul => ("PUT", "/v1/txn", records.iter().map(for_consul).collect()),
            Self::Etcd => {
                ("POST", "/v3/kv/txn", json!({"success": records.iter().map(for_etcd).collect::<Value>()}))
            }
        };
        let stream = connect(cluster, cluster.host(1));
        let answer = request(stream, method, path, Some(&body)).expect("the store answers");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

fn for_consul((key, value): &Written) -> Value {
    json!({"KV": {"Verb": "set", "Key": key, "Value": BASE64_STANDARD.encode(value)}})
}

fn for_etcd((key, value): &Written) -> Value {
    json!({"requestPut": {"key": BASE64_STANDARD.encode(key), "value": BASE64_STANDARD.encode(value)}})
}
