//! What the targets in `fuzz/` need of what is private otherwise.

use crate::{config::AgentConfig, processes, reconcile};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use weft_ipam::AddressPool;
use weft_model::{EndpointId, IfName, Keyspace, NodeName};
use weft_plan::{Desired, Observed};
use weft_state::{
    cluster::Cluster,
    journal::{LocalEndpoint, Saved},
    memory::Memory,
};
use weft_store::{Listing, Revision, StoreEntry, StoreOptions, StoreUrl};

/// Reads a file of the journal, of whichever kind it may be. Whether all that was read survives being written.
pub fn journal_survives(file: &[u8]) -> bool {
    survives::<LocalEndpoint>(file) && survives::<processes::ProcessRecord>(file) && survives::<Saved>(file)
}

/// Reads a file of events. Whether each that was read survives being written.
pub fn events_survive(file: &[u8]) -> bool {
    file.split_inclusive(|byte| *byte == b'\n').filter_map(weft_state::events::parse).all(|event| {
        let mut line = serde_json::to_vec(&event).unwrap_or_default();
        line.push(b'\n');
        // What was read may have been written in fewer bytes than it is now.
        line.len() > weft_state::events::LONGEST || weft_state::events::parse(&line) == Some(event)
    })
}

fn survives<T: DeserializeOwned + Serialize + PartialEq>(file: &[u8]) -> bool {
    let Ok(read) = serde_json::from_slice::<T>(file) else { return true };
    let written = serde_json::to_vec(&read).unwrap_or_default();
    serde_json::from_slice::<T>(&written).is_ok_and(|again| again == read)
}

/// Reads a node's memory of the cluster, which is kept in `dir`. Whether what it says is the same when it was written
/// again.
///
/// # Errors
/// If `dir` cannot be used.
pub fn memory_survives(file: &[u8], dir: &Path) -> Result<bool, String> {
    let failed = |error: &dyn std::error::Error| weft_model::chain(error);
    let (path, keyspace) = (dir.join("cluster.json"), Keyspace::new("weft"));
    std::fs::write(&path, file).map_err(|error| failed(&error))?;
    let open = || Memory::open(dir, "embedded", &keyspace).map_err(|error| failed(&error));
    let (memory, Some(cluster)) = open()? else { return Ok(true) };
    memory.save(&cluster).map_err(|error| failed(&error))?;
    let keys = |cluster: &Cluster| cluster.records().collect::<Vec<_>>();
    Ok(open()?.1.is_some_and(|again| keys(&again) == keys(&cluster)))
}

/// What a node makes of keys and values in the store, and of the files of its journal: the data plane it should
/// have. Names are made on the way.
pub struct FuzzedNode {
    config: AgentConfig,
}

impl FuzzedNode {
    /// The view of the node of this name.
    pub fn of(node_name: NodeName) -> Self {
        let config = AgentConfig {
            node_name,
            store: StoreUrl::Embedded(None),
            store_options: StoreOptions::default(),
            store_token: None,
            store_rebuild: true,
            store_serve: None,
            advertise: Default::default(),
            outside_address: None,
            vxlan_port: 4789,
            default_network_options: Default::default(),
            measures_paths: true,
            tunnel_port: 51820,
            behind_nat: false,
            trust: Default::default(),
            peer_port: 7946,
            default_address_pools: vec![AddressPool::default_ipv4()],
            data_dir: PathBuf::new(),
            moved: false,
            socket: PathBuf::new(),
            remote: crate::config::RemoteConfig::default(),
            metrics_listen: None,
            docker: None,
            session_ttl: Duration::from_secs(20),
            node_expiry: Duration::from_secs(3600),
            open_files: None,
            weft_binary: PathBuf::new(),
        };
        Self { config }
    }

    /// How its agent is configured.
    #[cfg(test)]
    pub(crate) fn config(self) -> AgentConfig {
        self.config
    }

    /// What there should be.
    pub fn desired(&self, store: &[(&str, &[u8])], journal: &[&[u8]]) -> Desired {
        let entry = |(path, value): &(&str, &[u8])| StoreEntry {
            key: (*path).to_owned(),
            value: value.to_vec(),
            modified: Revision(1),
            session: None,
        };
        let listing = Listing { entries: store.iter().map(entry).collect(), revision: Revision(1) };
        let cluster = Cluster::read(&Keyspace::new("weft"), &listing);
        let files = journal.iter().filter_map(|file| serde_json::from_slice::<LocalEndpoint>(file).ok());
        let endpoints = files.enumerate().filter_map(|(number, mut local)| {
            // Files are called by their endpoints' ids, and so is what waits for an engine; any will do here.
            let id: EndpointId = format!("{number:012x}{:052}", 0).parse().ok()?;
            if local.owner.is_engine() {
                local.ifname = IfName::for_engine(&id);
            }
            Some((id, local))
        });
        let endpoints = endpoints.collect();
        reconcile::first_sight(&self.config, &cluster, &Arc::new(endpoints))
    }
}

/// A host on which there is nothing but the containers that should be attached.
pub fn fresh_host(desired: &Desired) -> Observed {
    use weft_plan::{Namespace, Netns, Target};
    let mut host = Observed::default();
    host.namespaces.insert(Netns::Host, Namespace::default());
    for place in Target::of(desired).namespaces.into_keys() {
        if matches!(place, Netns::Container(_)) {
            host.namespaces.insert(place, Namespace::of_container());
        }
    }
    host
}

/// Serves a client of the Docker proxy, in front of the engine at `engine`, until the client goes. `dir` is for what
/// the proxy knows of networks: nothing.
///
/// # Errors
/// If `dir` cannot be used.
#[cfg(feature = "proxy")]
pub async fn docker_proxy(
    client: tokio::net::UnixStream,
    engine: &Path,
    dir: &Path,
    verbs: Arc<dyn weft_verbs::Verbs>,
) -> Result<(), String> {
    let shared = crate::docker::Shared::open(dir).map_err(|error| weft_model::chain(&error))?;
    weft_proxy::serve_one(client, engine.to_owned(), verbs, Arc::new(shared)).await;
    Ok(())
}
