//! What the store has, read past the agents.

use crate::views::{list, text};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use std::collections::BTreeMap;
use weft_testbed::{Claimed, StoreServer};

/// Every address that is claimed, with the name of the endpoint it is claimed for.
#[track_caller]
pub(crate) fn claimed(server: &StoreServer) -> Vec<Claimed> {
    let records = all(server);
    let endpoint = |id: &str| {
        let found = records.iter().find(|(key, _)| key.contains("/endpoints/") && key.ends_with(id));
        found.map_or_else(
            || format!("(claim for {id}, which is no endpoint)"),
            |(_, e)| text(&e["name"]).to_owned(),
        )
    };
    let claim = |(key, claim): (&String, &Value)| {
        let (_, place) = key.split_once("/v1/ipam/")?;
        let address = place.rsplit('/').next()?.parse().ok()?;
        Some(Claimed {
            host: text(&claim["node"]).to_owned(),
            name: endpoint(text(&claim["endpoint"])),
            address,
        })
    };
    let mut claimed: Vec<_> = records.iter().filter_map(claim).collect();
    // An endpoint without its address is as bad.
    for (key, endpoint) in records.iter().filter(|(key, _)| key.contains("/v1/endpoints/")) {
        let name = text(&endpoint["name"]);
        if !claimed.iter().any(|claim| claim.name == name) {
            let name = format!("(endpoint {name} at {key}, whose address is not claimed)");
            let address = text(&endpoint["ipv4"]).parse().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
            claimed.push(Claimed { host: text(&endpoint["node"]).to_owned(), name, address });
        }
    }
    claimed
}

/// Every key, with its value.
#[track_caller]
fn all(server: &StoreServer) -> BTreeMap<String, Value> {
    let decode = |value: &Value| BASE64_STANDARD.decode(text(value)).unwrap_or_default();
    let parse = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
    if server.url().starts_with("etcd") {
        let listed = server.host().json(&["etcdctl", "get", "--prefix", "weft/v1/", "-w", "json"]);
        let key = |entry: &Value| String::from_utf8_lossy(&decode(&entry["key"])).into_owned();
        return list(&listed["kvs"])
            .iter()
            .map(|entry| (key(entry), parse(&decode(&entry["value"]))))
            .collect();
    }
    let exported = server.host().json(&["consul", "kv", "export", "weft/v1/"]);
    let entry = |entry: &Value| (text(&entry["key"]).to_owned(), parse(&decode(&entry["value"])));
    list(&exported).iter().map(entry).collect()
}
