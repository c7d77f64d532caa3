//! What the door and the task that follows the engine tell each other.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use weft_model::{ContainerLink, EndpointName, NetworkId, NetworkName};
use weft_state::{
    data_dir,
    journal::{JournalError, file},
};

/// How long an engine may go on to list a network that it is deleting.
const DELETION: Duration = Duration::from_secs(10);

/// A network that the engine has with our driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mapped {
    /// The network of the cluster that it is; none while the engine has not told its name yet.
    pub(crate) network: Option<NetworkId>,
    /// Its pools.
    pub(crate) pools: BTreeSet<IpNet>,
}

/// What the engine said of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedContainer {
    /// Its name.
    pub(crate) name: EndpointName,
    /// What it is called and calls others on each network.
    pub(crate) on: BTreeMap<NetworkName, OnNetwork>,
}

/// What the engine said of a container's place on one network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OnNetwork {
    /// Its aliases.
    pub(crate) aliases: Vec<EndpointName>,
    /// Its own names for others.
    pub(crate) links: Vec<ContainerLink>,
}

/// The networks of the cluster that the engine had when an earlier agent wrote it down in `data_dir`.
pub(crate) fn networks_of_engine(data_dir: &Path) -> BTreeSet<NetworkId> {
    // `Shared::open` reports a file that is not valid, and sets it aside.
    let mapped = file::read_json::<BTreeMap<NetworkId, Mapped>>(&data_dir.join(data_dir::ENGINE));
    let mapped = mapped.ok().flatten().unwrap_or_default();
    mapped.into_values().filter_map(|mapped| mapped.network).collect()
}

/// See the module.
pub(crate) struct Shared {
    path: PathBuf,
    mapped: Mutex<BTreeMap<NetworkId, Mapped>>,
    forgotten: Mutex<BTreeMap<NetworkId, Instant>>,
    creating: Mutex<BTreeMap<NetworkId, BTreeSet<IpNet>>>,
    ranges: Mutex<BTreeMap<IpNet, IpNet>>,
    containers: Mutex<BTreeMap<String, NamedContainer>>,
    refused: Mutex<BTreeMap<NetworkId, String>>,
    parting: AtomicBool,
    problems: Mutex<BTreeMap<&'static str, Vec<String>>>,
    /// Wakes the task: something happened that the engine has to be asked about. A wake-up carries nothing else.
    pub(crate) look: Notify,
    /// Wakes it, too: the engine has a network that it did not have.
    pub(super) arrived: Notify,
}

impl Shared {
    /// Reads what an earlier agent wrote down in `data_dir`. If that is not valid, it is set aside: the engine can be
    /// asked again.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, JournalError> {
        let path = data_dir.join(data_dir::ENGINE);
        let mapped = file::read_or_set_aside(&path).map_err(JournalError::new("cannot read", &path))?;
        Ok(Self {
            path,
            mapped: Mutex::new(mapped.unwrap_or_default()),
            forgotten: Mutex::default(),
            creating: Mutex::default(),
            ranges: Mutex::default(),
            containers: Mutex::default(),
            refused: Mutex::default(),
            parting: AtomicBool::new(false),
            problems: Mutex::default(),
            look: Notify::new(),
            arrived: Notify::new(),
        })
    }

    /// The networks of the engine, by the engine's ids.
    pub(crate) fn mapped(&self) -> BTreeMap<NetworkId, Mapped> {
        lock(&self.mapped).clone()
    }

    /// Changes what is known of the engine's networks, on the disk first.
    ///
    /// # Errors
    /// If it cannot be written; nothing has changed then.
    pub(crate) fn update(
        &self,
        change: impl FnOnce(&mut BTreeMap<NetworkId, Mapped>),
    ) -> Result<(), JournalError> {
        let mut mapped = lock(&self.mapped);
        let mut changed = mapped.clone();
        change(&mut changed);
        if changed != *mapped {
            file::write_json(&self.path, &changed).map_err(JournalError::new("cannot write", &self.path))?;
            let forgotten = mapped.keys().filter(|id| !changed.contains_key(id));
            lock(&self.forgotten).extend(forgotten.map(|id| (*id, Instant::now())));
            *mapped = changed;
        }
        Ok(())
    }

    /// Whether a network of the engine was taken out of [`mapped`](Self::mapped) a moment ago: the engine asked
    /// for its deletion, and still lists it until that is done.
    pub(crate) fn is_being_deleted(&self, network: &NetworkId) -> bool {
        let mut forgotten = lock(&self.forgotten);
        forgotten.retain(|_, since| since.elapsed() < DELETION);
        forgotten.contains_key(network)
    }

    /// Says that the task makes `network` in the engine now, until what it returns is dropped: the engine's
    /// questions about these pools are ours.
    pub(crate) fn creating(&self, network: NetworkId, pools: BTreeSet<IpNet>) -> Creating<'_> {
        lock(&self.creating).insert(network, pools);
        Creating { shared: self, network }
    }

    /// The network of the cluster with `pool`, if the task makes it in the engine now.
    pub(crate) fn being_created(&self, pool: IpNet) -> Option<NetworkId> {
        lock(&self.creating).iter().find(|(_, pools)| pools.contains(&pool)).map(|(id, _)| *id)
    }

    /// Notes the part of `pool` that addresses are to come from: the engine says it when it asks for the pool, and not
    /// again when it creates the network.
    pub(crate) fn set_range(&self, pool: IpNet, range: Option<IpNet>) {
        let mut ranges = lock(&self.ranges);
        match range {
            Some(range) => drop(ranges.insert(pool, range)),
            None => drop(ranges.remove(&pool)),
        }
    }

    /// The part of `pool` that addresses are to come from.
    pub(crate) fn range(&self, pool: IpNet) -> Option<IpNet> {
        lock(&self.ranges).get(&pool).copied()
    }

    /// Whether the engine has a network with `pool`.
    pub(crate) fn has_pool(&self, pool: IpNet) -> bool {
        lock(&self.mapped).values().any(|network| network.pools.contains(&pool))
    }

    /// The other pools, of the same family, of the engine's network with `pool`.
    pub(crate) fn pools_beside(&self, pool: IpNet) -> Vec<IpNet> {
        let mapped = lock(&self.mapped);
        let network = mapped.values().find(|network| network.pools.contains(&pool));
        let beside = |other: &&IpNet| **other != pool && other.addr().is_ipv4() == pool.addr().is_ipv4();
        network.into_iter().flat_map(|network| network.pools.iter().filter(beside)).copied().collect()
    }

    /// What the engine said of the container `id`.
    pub(crate) fn container(&self, id: &str) -> Option<NamedContainer> {
        lock(&self.containers).get(id).cloned()
    }

    /// Takes over what the engine said of its containers.
    pub(crate) fn set_containers(&self, containers: BTreeMap<String, NamedContainer>) {
        *lock(&self.containers) = containers;
    }

    /// Takes over which networks of the engine cannot be in the cluster, and why.
    pub(crate) fn set_refused(&self, refused: BTreeMap<NetworkId, String>) {
        *lock(&self.refused) = refused;
    }

    /// Why nobody can be on the engine's network with `pool`, if it cannot be in the cluster.
    pub(crate) fn refusal(&self, pool: IpNet) -> Option<String> {
        let mapped = lock(&self.mapped);
        let mut waiting =
            mapped.iter().filter(|(_, known)| known.network.is_none() && known.pools.contains(&pool));
        waiting.find_map(|(id, _)| lock(&self.refused).get(id).cloned())
    }

    /// From here on, all removals by the engine are accepted, and the cluster is not told: this host is leaving the
    /// cluster, which keeps its networks.
    pub(crate) fn part(&self) {
        self.parting.store(true, Ordering::Relaxed);
    }

    /// Whether [`part`](Self::part) was called.
    pub(crate) fn is_parting(&self) -> bool {
        self.parting.load(Ordering::Relaxed)
    }

    /// Takes over what is wrong about one thing, and returns what is wrong about all.
    pub(super) fn problems(&self, about: &'static str, problems: Vec<String>) -> Vec<String> {
        let mut all = lock(&self.problems);
        all.insert(about, problems);
        all.values().flatten().cloned().collect()
    }
}

#[cfg(feature = "proxy")]
impl weft_proxy::EngineNetworks for Shared {
    fn engine_networks(&self) -> BTreeMap<NetworkId, Option<NetworkId>> {
        lock(&self.mapped).iter().map(|(id, mapped)| (*id, mapped.network)).collect()
    }
}

/// See [`Shared::creating`].
pub(crate) struct Creating<'s> {
    shared: &'s Shared,
    network: NetworkId,
}

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        lock(&self.shared.creating).remove(&self.network);
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// What an agent finds that is started in the place of another version: it must go on to be read.
    #[test]
    fn what_an_earlier_agent_wrote_down() {
        let golden = include_str!("golden/docker.json");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("docker.json");
        std::fs::write(&file, golden).unwrap();
        let shared = Shared::open(directory.path()).unwrap();
        let [adopted, new] = shared.mapped().into_values().collect::<Vec<_>>().try_into().unwrap();
        assert!(adopted.network.is_some() && adopted.pools.len() == 2 && new.network.is_none());
        shared.update(|mapped| drop(mapped.pop_last())).unwrap();
        let Value::Object(mut wanted) = serde_json::from_str(golden).unwrap() else { unreachable!() };
        wanted.retain(|_, mapped| !mapped["network"].is_null());
        let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(written, Value::Object(wanted));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_out_is_being_deleted_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let shared = Shared::open(directory.path()).unwrap();
        let [kept, deleted] = ["1", "2"].map(|digit| digit.repeat(64).parse::<NetworkId>().unwrap());
        let mapped = || Mapped { network: None, pools: BTreeSet::new() };
        shared.update(|all| all.extend([(kept, mapped()), (deleted, mapped())])).unwrap();
        shared.update(|all| drop(all.remove(&deleted))).unwrap();
        assert!(shared.is_being_deleted(&deleted) && !shared.is_being_deleted(&kept));
        tokio::time::advance(DELETION).await;
        assert!(!shared.is_being_deleted(&deleted));
    }

    #[test]
    fn pools_are_ours_while_their_network_is_created() {
        let directory = tempfile::tempdir().unwrap();
        let shared = Shared::open(directory.path()).unwrap();
        let network: NetworkId = "1".repeat(64).parse().unwrap();
        let pool: IpNet = "10.0.0.0/24".parse().unwrap();
        let creating = shared.creating(network, BTreeSet::from([pool]));
        assert_eq!(shared.being_created(pool), Some(network));
        assert_eq!(shared.being_created("10.0.1.0/24".parse().unwrap()), None);
        drop(creating);
        assert_eq!(shared.being_created(pool), None);
    }
}
