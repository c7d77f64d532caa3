//! What the store has, read past the agents.

use crate::views::{list, text};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use std::collections::BTreeMap;
use weft_testbed::{Claimed, StoreServer};

/// Every address that is claimed, with the name of the endpoint it is claimed for, as the first server has it that
/// answers.
///
/// # Errors
/// Why none does.
pub(crate) fn claimed(servers: &[StoreServer]) -> Result<Vec<Claimed>, String> {
    let (last, others) = servers.split_last().ok_or("there is no server")?;
    let answered = others.iter().find_map(|server| all(server).ok());
    let records = answered.map_or_else(|| all(last), Ok)?;
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
    Ok(claimed)
}

/// Every key, with its value.
fn all(server: &StoreServer) -> Result<BTreeMap<String, Value>, String> {
    let decode = |value: &Value| BASE64_STANDARD.decode(text(value)).unwrap_or_default();
    let parse = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
    if server.url().starts_with("etcd") {
        let listed = printed(server, &["etcdctl", "get", "--prefix", "weft/v1/", "-w", "json"])?;
        let key = |entry: &Value| String::from_utf8_lossy(&decode(&entry["key"])).into_owned();
        let entry = |entry: &Value| (key(entry), parse(&decode(&entry["value"])));
        return Ok(list(&listed["kvs"]).iter().map(entry).collect());
    }
    let exported = printed(server, &["consul", "kv", "export", "weft/v1/"])?;
    let entry = |entry: &Value| (text(&entry["key"]).to_owned(), parse(&decode(&entry["value"])));
    Ok(list(&exported).iter().map(entry).collect())
}

/// The JSON that a command prints beside a server.
fn printed(server: &StoreServer, command: &[&str]) -> Result<Value, String> {
    let output = server.host().output(command);
    let parsed = serde_json::from_slice(&output.stdout);
    parsed.map_err(|_| {
        format!("{}: {command:?}: {}", server.host().name(), String::from_utf8_lossy(&output.stderr))
    })
}
