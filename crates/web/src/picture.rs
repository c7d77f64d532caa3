//! What the page shows: the cluster as one agent sees it, in parts that can be compared.

use crate::frame::{Items, Parts};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use weft_api::{docker, v1};
use weft_model::{EndpointId, asks_for_encryption};

/// What an agent says of the cluster.
#[derive(Debug, Clone)]
pub struct Picture {
    /// How the agent is, and its store.
    pub status: v1::Status,
    /// The hosts, with the paths to them.
    pub nodes: Vec<v1::Node>,
    /// The networks.
    pub networks: Vec<docker::Network>,
    /// What is on them.
    pub endpoints: Vec<v1::Endpoint>,
    /// How much of their subnets is in use.
    pub room: Vec<Pool>,
    /// How much goes through what is on this host.
    pub rates: Vec<Rate>,
}

/// How much goes through an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// Which.
    pub endpoint: EndpointId,
    /// What its container gets, in bytes a second.
    pub receives: u64,
    /// What it sends, in bytes a second.
    pub sends: u64,
}

/// How much of a network's subnet is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// The network's id.
    pub network: String,
    /// As `10.0.0.0/24`.
    pub subnet: String,
    /// Addresses that somebody holds, and those that are never handed out; 2⁶⁴ - 1 for that many and more.
    pub used: u64,
    /// Addresses that can be handed out.
    pub free: u64,
}

/// A network, without what is of no use to the page.
#[derive(Serialize)]
struct Network<'a> {
    id: &'a str,
    name: &'a str,
    created: String,
    internal: bool,
    encrypted: bool,
    options: &'a BTreeMap<String, String>,
    labels: &'a BTreeMap<String, String>,
    subnets: &'a [docker::IpamConfig],
}

/// How the agent is, without what changes all the time and says nothing.
#[derive(Serialize)]
struct Status<'a> {
    node: &'a str,
    version: &'a str,
    started: String,
    joined: bool,
    trust: weft_model::Trust,
    problems: &'a [String],
    notes: &'a [String],
    paths: &'a [v1::BrokenPath],
    down: &'a [v1::Down],
    fenced: &'a [v1::Fenced],
    engine: Option<&'a v1::Engine>,
    /// Whether the kernel holds what it should.
    agrees: Option<bool>,
}

impl Picture {
    /// In parts, each as it is sent.
    ///
    /// # Errors
    /// None that is known: all of it can be written.
    pub(crate) fn parts(&self) -> serde_json::Result<Parts> {
        let status = to_raw_value(&short(&self.status))?;
        let store = to_raw_value(&self.status.store)?;
        let lists = [
            ("endpoints", items(&self.endpoints, |one| one.id.to_string())?),
            ("networks", networks(&self.networks)?),
            ("nodes", items(&self.nodes, |one| one.name.to_string())?),
            ("rates", items(&self.rates, |one| one.endpoint.to_string())?),
            ("room", items(&self.room, |one| format!("{} {}", one.network, one.subnet))?),
        ];
        Ok(Parts { single: [("status", status), ("store", store)].into(), lists: lists.into() })
    }
}

fn items<T: Serialize>(all: &[T], key: impl Fn(&T) -> String) -> serde_json::Result<Items> {
    all.iter().map(|one| Ok((key(one), to_raw_value(one)?))).collect()
}

fn networks(all: &[docker::Network]) -> serde_json::Result<Items> {
    let written = |one: &docker::Network| -> serde_json::Result<(String, Box<RawValue>)> {
        let network = Network {
            id: &one.id,
            name: &one.name,
            created: one.created.to_string(),
            internal: one.internal,
            encrypted: asks_for_encryption(&one.options),
            options: &one.options,
            labels: &one.labels,
            subnets: &one.ipam.config,
        };
        Ok((one.id.clone(), to_raw_value(&network)?))
    };
    all.iter().map(written).collect()
}

fn short(status: &v1::Status) -> Status<'_> {
    Status {
        node: status.node.as_str(),
        version: &status.version,
        started: status.started.to_string(),
        joined: status.joined,
        trust: status.trust,
        problems: &status.problems,
        notes: &status.notes,
        paths: &status.paths,
        down: &status.down,
        fenced: &status.fenced,
        engine: status.engine.as_ref(),
        agrees: status
            .agreement
            .as_ref()
            .map(|all| all.host.agrees && all.networks.iter().all(|network| network.standing.agrees)),
    }
}
