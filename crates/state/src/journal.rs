//! This node's own truth, on its own disk: its identity and its endpoints.
//!
//! What is here and not in the store is put there; what is in the store under this node's name and not here is taken
//! away. So a verb is one write here, and a crash after it is repaired by the next round.
//!
//! Those on encrypted networks are in a directory of their own: an agent of a version that cannot encrypt does not know it,
//! and so does not serve them in clear.
//!
//! One JSON file an endpoint, replaced by renaming. They are not flushed to the disk: what they describe,
//! namespaces and processes, does not survive the machine either.

pub mod file;
mod identity;
mod owner;

pub use identity::{Identity, Saved, lock as lock_directory};
pub use owner::{Owner, RuntimeEnd};

use crate::data_dir;
use file::{remove_file, write_json};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;
use weft_model::{
    ContainerLink, Endpoint, EndpointId, IfName, Network, NetworkId, NodeName, PortMapping, Subnet, Vni,
};

/// An endpoint of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalEndpoint {
    /// Its network.
    pub network_id: NetworkId,
    /// What the store said of the network when it was attached: enough to go on without the store.
    pub network: Network,
    /// What the store says of it.
    pub endpoint: Endpoint,
    /// The network namespace it is in, or will be when an engine has made it.
    pub netns: PathBuf,
    /// The interface it has there; the one that an engine is given, in the host's namespace.
    pub ifname: IfName,
    /// What it belongs to.
    #[serde(flatten)]
    pub owner: Owner,
    /// Whether the default routes of its namespace may lead through this network: those through the network
    /// joined first do.
    pub default_route: bool,
    /// Ports of this host that lead to it.
    #[serde(default)]
    pub ports: Vec<PortMapping>,
    /// What it alone calls others of the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ContainerLink>,
    /// Why it is cut off: another endpoint got its address while this node was away.
    #[serde(default)]
    pub fenced: Option<String>,
    /// That it is cut off for good: somebody took it off its network while this node was away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

impl LocalEndpoint {
    /// Its addresses, each with its subnet.
    pub fn subnets(&self) -> impl Iterator<Item = (IpAddr, &Subnet)> {
        self.endpoint.addresses().filter_map(|address| Some((address, self.network.subnet_of(address)?)))
    }

    /// The segment it is on.
    pub fn vni(&self) -> Option<Vni> {
        self.subnets().next().map(|(_, subnet)| subnet.vni)
    }

    /// Whether it is in the kernel as another of its kind would be: in the same namespace, and reached the same way.
    pub fn is_attached_as(&self, other: &Self) -> bool {
        let how = |local: &Self| {
            (local.netns.clone(), local.ifname.clone(), local.owner.clone(), local.default_route)
        };
        how(self) == how(other) && self.ports == other.ports
    }

    /// Whether it is a way out for a container that is no engine's: those of engines leave through a network of theirs.
    pub fn leaves_here(&self) -> bool {
        self.default_route && !self.owner.is_engine() && self.fenced.is_none()
    }
}

/// The endpoints of this node, in order of their ids.
pub type LocalEndpoints = Arc<BTreeMap<EndpointId, LocalEndpoint>>;

/// The directory of those on encrypted networks.
const ENCRYPTED: &str = "encrypted";

/// This node's truth.
pub struct Journal {
    directory: PathBuf,
    endpoints: watch::Sender<LocalEndpoints>,
    removals: AtomicU64,
    /// Held while writing: the endpoints that are cut off, which is not on the disk.
    unwritten: Mutex<BTreeSet<EndpointId>>,
}

/// A journal that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}: {source}{}", advice(source))]
pub struct JournalError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl JournalError {
    /// That `doing` something with the file at `path` failed.
    pub fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }
}

/// What to do about it.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space there",
        io::ErrorKind::ReadOnlyFilesystem => "; mount it writable again (`dmesg` may say why it is not)",
        _ => "",
    }
}

impl Journal {
    /// Opens the journal in `data_dir`, making what is missing. A file that is not valid is set aside with the ending
    /// `.unreadable`: its endpoint is then removed like any other that is not in the journal.
    ///
    /// # Errors
    /// If the directory cannot be read or written.
    pub fn open(data_dir: &Path) -> Result<Self, JournalError> {
        let directory = data_dir.join(data_dir::ENDPOINTS);
        let mut endpoints = BTreeMap::new();
        for directory in [&directory, &directory.join(ENCRYPTED)] {
            file::make_private_dir(directory).map_err(JournalError::new("cannot make", directory))?;
            let all = file::read_all(directory)?.into_iter();
            endpoints.extend(all.filter_map(|(name, endpoint)| Some((name.parse().ok()?, endpoint))));
        }
        let (endpoints, _) = watch::channel(Arc::new(endpoints));
        Ok(Self { directory, endpoints, removals: AtomicU64::new(0), unwritten: Mutex::default() })
    }

    /// The endpoints as they are.
    pub fn endpoints(&self) -> LocalEndpoints {
        Arc::clone(&self.endpoints.borrow())
    }

    /// A receiver that wakes whenever the endpoints change.
    pub fn changes(&self) -> watch::Receiver<LocalEndpoints> {
        self.endpoints.subscribe()
    }

    /// Adds an endpoint, or replaces what is known of it. On the disk first: what is said to exist exists.
    ///
    /// # Errors
    /// If it cannot be written; nothing has changed then.
    pub fn put(&self, id: EndpointId, endpoint: LocalEndpoint) -> Result<(), JournalError> {
        self.replace(&mut self.lock(), id, endpoint)
    }

    /// Changes an endpoint, if it is still there.
    ///
    /// # Errors
    /// As [`put`](Journal::put).
    pub fn update(
        &self,
        id: &EndpointId,
        change: impl FnOnce(&mut LocalEndpoint),
    ) -> Result<(), JournalError> {
        let mut unwritten = self.lock();
        let Some(mut endpoint) = self.endpoints.borrow().get(id).cloned() else { return Ok(()) };
        change(&mut endpoint);
        self.replace(&mut unwritten, *id, endpoint)
    }

    fn replace(
        &self,
        unwritten: &mut BTreeSet<EndpointId>,
        id: EndpointId,
        endpoint: LocalEndpoint,
    ) -> Result<(), JournalError> {
        self.write(&id, &endpoint)?;
        unwritten.remove(&id);
        self.endpoints.send_modify(|all| drop(Arc::make_mut(all).insert(id, endpoint)));
        Ok(())
    }

    /// Cuts an endpoint off, if it is still there: at once, whether or not it can be written. Another endpoint may have
    /// its address, and a disk may be full for long.
    ///
    /// # Errors
    /// If it cannot be written; it is cut off then, until the agent ends.
    pub fn cut_off(&self, id: &EndpointId, why: String, for_good: bool) -> Result<(), JournalError> {
        let mut unwritten = self.lock();
        let Some(before) = self.endpoints.borrow().get(id).cloned() else { return Ok(()) };
        let endpoint = LocalEndpoint { fenced: Some(why), removed: for_good, ..before.clone() };
        let written = self.write(id, &endpoint);
        match written {
            Ok(()) => unwritten.remove(id),
            Err(_) => unwritten.insert(*id),
        };
        if endpoint != before {
            self.endpoints.send_modify(|all| drop(Arc::make_mut(all).insert(*id, endpoint)));
        }
        written
    }

    /// Whether the disk has what is known of an endpoint.
    pub fn is_written(&self, id: &EndpointId) -> bool {
        !self.lock().contains(id)
    }

    /// Writes the node's name into its endpoints: it may have had another when they were made.
    ///
    /// # Errors
    /// As [`put`](Journal::put); those that were written are.
    pub fn name_node(&self, name: &NodeName) -> Result<(), JournalError> {
        let all = self.endpoints();
        let named_otherwise = all.iter().filter(|(_, local)| local.endpoint.node != *name);
        named_otherwise
            .into_iter()
            .try_for_each(|(id, _)| self.update(id, |local| local.endpoint.node = name.clone()))
    }

    /// Forgets an endpoint. One that is not there is no error.
    ///
    /// # Errors
    /// If the file cannot be removed; nothing has changed then.
    pub fn remove(&self, id: &EndpointId) -> Result<(), JournalError> {
        let mut unwritten = self.lock();
        for encrypted in [false, true] {
            let path = self.path(id, encrypted);
            remove_file(&path).map_err(JournalError::new("cannot remove", &path))?;
        }
        unwritten.remove(id);
        self.endpoints.send_if_modified(|all| {
            let removed = Arc::make_mut(all).remove(id).is_some();
            if removed {
                self.removals.fetch_add(1, Ordering::SeqCst);
            }
            removed
        });
        Ok(())
    }

    /// How many endpoints were removed. A caller that reads this first and the endpoints afterwards sees none of those.
    pub fn removals(&self) -> u64 {
        self.removals.load(Ordering::SeqCst)
    }

    fn write(&self, id: &EndpointId, endpoint: &LocalEndpoint) -> Result<(), JournalError> {
        let path = self.path(id, endpoint.network.is_encrypted());
        write_json(&path, endpoint).map_err(JournalError::new("cannot write", &path))
    }

    fn path(&self, id: &EndpointId, encrypted: bool) -> PathBuf {
        let place = if encrypted { &self.directory.join(ENCRYPTED) } else { &self.directory };
        place.join(format!("{id}.json"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<EndpointId>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
