//! Networks: created and removed by compare-and-set, so that of racing nodes exactly one wins.

mod room;

use super::{
    access::ClusterAccess,
    allocator::{Allocator, Ledger},
    refusal::Taken,
};
use crate::{config::AgentConfig, host::Host};
use ipnet::IpNet;
use std::{collections::BTreeMap, sync::Arc};
use weft_model::{Endpoint, Extra, Key, MTU_OPTIONS, Network, NetworkId, NetworkName, Record, Subnet};
use weft_state::{
    cluster::{Cluster, Stored},
    env::Env,
};
use weft_store::{CommitError, Condition, MAX_OPS, Revision, StoreError, Txn};
use weft_verbs::{CreateNetwork, Error, Kind, NetworkView, PruneFilter, warning_if_public};

/// More could not be removed at once: its record counts twice, and there are its name and the lineage.
const MAX_SEGMENTS: usize = MAX_OPS - 4;

/// Creates networks and removes them.
pub(crate) struct Networks {
    access: Arc<ClusterAccess>,
    allocator: Arc<Allocator>,
    env: Arc<Env>,
    host: Arc<dyn Host>,
    config: Arc<AgentConfig>,
}

impl Networks {
    pub(super) fn new(
        config: &Arc<AgentConfig>,
        access: &Arc<ClusterAccess>,
        allocator: &Arc<Allocator>,
        env: &Arc<Env>,
        host: &Arc<dyn Host>,
    ) -> Self {
        let (access, allocator) = (Arc::clone(access), Arc::clone(allocator));
        Self { access, allocator, env: Arc::clone(env), host: Arc::clone(host), config: Arc::clone(config) }
    }

    pub(crate) async fn create(&self, request: CreateNetwork) -> Result<NetworkId, Error> {
        let routes = self.host.routes().await?;
        let id = request.id.unwrap_or_else(|| self.env.random(|rng| NetworkId::random(rng)));
        let mut attempts = self.access.attempts();
        loop {
            let (cluster, network) =
                self.access.decide(|cluster| self.unless_there(id, &request, cluster, &routes)).await?;
            let Some(network) = network else { return Ok(id) };
            match self.access.commit(self.creation(&cluster, id, &network)).await {
                Ok(()) => break,
                // An answer that got lost: what was asked for may be there.
                Err(CommitError::Store(error @ StoreError::Unknown { .. })) => {
                    self.settle_creation(&network.key(id), error).await?;
                    break;
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Conflict { keys }) => {
                    refuse_unreadable(&cluster, &keys)?;
                    attempts.again(&cluster).await?;
                }
            }
        }
        self.access.until(|cluster| cluster.networks.contains_key(&id)).await;
        tracing::info!(network = %request.name, id = id.short(), "network created");
        for warning in request.pools.iter().filter_map(|pool| warning_if_public(pool.subnet?)) {
            // An engine's user sees nothing else.
            tracing::warn!(network = %request.name, "{warning}");
        }
        Ok(id)
    }

    /// Whether the network could be created as things are. Its name does not matter yet.
    pub(crate) async fn check(&self, request: &CreateNetwork) -> Result<(), Error> {
        let routes = self.host.routes().await?;
        self.access.decide(|cluster| self.draw_up(request, cluster, &routes)).await.map(drop)
    }

    /// The network that is asked for; none if it is there already.
    fn unless_there(
        &self,
        id: NetworkId,
        request: &CreateNetwork,
        cluster: &Cluster,
        routes: &[IpNet],
    ) -> Result<Option<Network>, Error> {
        if cluster.networks.get(&id).is_some_and(|network| network.name == request.name) {
            return Ok(None);
        }
        if cluster.names.contains_key(&request.name) {
            return Err(Taken::NetworkName(request.name.clone()).into());
        }
        self.draw_up(request, cluster, routes).map(Some)
    }

    /// What is asked for, and this host's defaults for the rest.
    fn options(&self, request: &CreateNetwork) -> BTreeMap<String, String> {
        let asks_for_mtu = MTU_OPTIONS.iter().any(|option| request.options.contains_key(*option));
        // Of two names for one thing the user's counts.
        let said = |option: &str| asks_for_mtu && MTU_OPTIONS.contains(&option);
        let defaults = self.config.default_network_options.clone().into_iter();
        defaults.filter(|(option, _)| !said(option)).chain(request.options.clone()).collect()
    }

    /// What the network that is asked for is like.
    fn draw_up(
        &self,
        request: &CreateNetwork,
        cluster: &Cluster,
        routes: &[IpNet],
    ) -> Result<Network, Error> {
        let network = Network {
            name: request.name.clone(),
            subnets: self.allocator.subnets_for(request, cluster, routes)?,
            internal: request.internal,
            options: self.options(request),
            labels: request.labels.clone(),
            created: self.env.now(),
            removing: false,
            extra: Extra::new(),
        };
        let underlay = self.host.underlay().borrow().clone();
        network.check_requested_mtu(underlay.mtu, underlay.address).map_err(Error::invalid)?;
        network.check_keep().map_err(Error::invalid)?;
        network.check_encrypted().map_err(Error::invalid)?;
        if network.is_encrypted() {
            refuse_unless_all_encrypt(cluster)?;
        }
        let segments = network.segments().len();
        if segments > MAX_SEGMENTS {
            return Err(Error::invalid(format!(
                "a network has at most {MAX_SEGMENTS} segments; this has {segments}"
            )));
        }
        Ok(network)
    }

    fn creation(&self, cluster: &Cluster, id: NetworkId, network: &Network) -> Txn {
        let mut txn = self
            .allocator
            .next_lineage(cluster)
            .put(self.access.path(&Key::Name(network.name.clone())), id.to_json(), Condition::Absent)
            .put(self.access.path(&network.key(id)), network.to_json(), Condition::Absent);
        for segment in network.segments() {
            txn = txn.put(self.access.path(&Key::Vni(segment.vni)), id.to_json(), Condition::Absent);
        }
        let ledger = Ledger::new(self.access.keyspace());
        if network.is_encrypted() {
            return ledger.keep_pools(txn, id, network, Condition::Always);
        }
        for subnet in
            network.subnets.iter().filter(|subnet| cluster.reserved_pools.contains_key(&subnet.pool))
        {
            txn = ledger.end_reservation(txn, subnet.pool, Condition::Always);
        }
        txn
    }

    /// Finds out whether a creation whose answer got lost was carried out.
    async fn settle_creation(&self, key: &Key, error: StoreError) -> Result<(), Error> {
        match self.access.get(&self.access.path(key)).await {
            Ok(Some(_)) => Ok(()),
            _ => Err(error.into()),
        }
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        let unused = |cluster: &Cluster| {
            let (id, network) = find(cluster, name)?;
            let endpoints = cluster.endpoints_of(&id).map(|(_, endpoint)| &**endpoint);
            refuse_if_used(&network.name, id, endpoints).map(|()| (id, network.name.clone()))
        };
        let (_, (id, name)) = self.access.decide(unused).await?;
        self.remove_unused(id, name).await
    }

    /// Removes a network in two steps: from the first on, nobody can join it; in between, nobody may be on it. Another
    /// agent that finds it half removed can go on from there.
    pub(crate) async fn remove_unused(&self, id: NetworkId, name: NetworkName) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        loop {
            let cluster = self.access.cluster().await?;
            let Some(network) = cluster.networks.get(&id) else { break };
            let key = self.access.path(&network.key(id));
            if !network.removing && !self.mark_removing(network, &key, true).await? {
                attempts.again(&cluster).await?;
                continue;
            }
            // In this order: an endpoint that is not on it after it was marked cannot be on it until the mark changes.
            let Some(entry) = self.access.get(&key).await? else { break };
            let marked = Network::from_json(&entry.value).map_err(|e| Error::internal("network", e))?;
            if !marked.removing {
                attempts.again(&cluster).await?;
                continue;
            }
            let on_it = self.access.list_endpoints(id).await?.entries;
            if !on_it.is_empty() {
                let unmarked = Network { removing: false, ..marked };
                let txn = Txn::new().put(&key, unmarked.to_json(), Condition::Unchanged(entry.modified));
                // If it changed again, another agent is removing it, too, and finds the same. But as long as it is
                // marked, it goes as soon as it can: that would not be a refusal.
                if let Err(CommitError::Store(error)) = self.access.commit(txn).await {
                    return Err(error.into());
                }
                let read =
                    on_it.iter().filter_map(|e| Endpoint::from_json(&e.value).ok()).collect::<Vec<_>>();
                return refuse_if_used(&name, id, read.iter())
                    .and_then(|()| Err(in_use(&name, id, "an endpoint that cannot be read")));
            }
            if self.delete(id, &marked, entry.modified).await? {
                break;
            }
            attempts.again(&cluster).await?;
        }
        self.access.until(|cluster| !cluster.networks.contains_key(&id)).await;
        tracing::info!(network = %name, id = id.short(), "network removed");
        Ok(())
    }

    async fn mark_removing(
        &self,
        network: &Stored<Network>,
        key: &str,
        removing: bool,
    ) -> Result<bool, Error> {
        let marked = Network { removing, ..(**network).clone() };
        let txn = Txn::new().put(key, marked.to_json(), Condition::Unchanged(network.modified));
        Ok(self.access.committed(txn).await?)
    }

    /// Deletes a network that nobody is on, unless it changed since it was looked at. Returns whether it did.
    pub(super) async fn delete(
        &self,
        id: NetworkId,
        network: &Network,
        modified: Revision,
    ) -> Result<bool, Error> {
        let ledger = Ledger::new(self.access.keyspace());
        let cursor = |subnet: &Subnet| ledger.rewind(Txn::new(), subnet.pool);
        let attempts = self.access.attempts();
        'again: loop {
            // A removal need not have seen what other nodes take meanwhile: it uses the lineage that the store has now.
            let deletion = self.deletion(self.allocator.lineage_after_now().await?, id, network, modified);
            // Cursors decide nothing: where there are too many, they go before it.
            let parts = network.subnets.iter().map(cursor).chain([deletion]);
            for txn in Txn::bundles(&Txn::new(), parts) {
                match self.access.commit(txn).await {
                    Ok(()) => {}
                    Err(CommitError::Conflict { keys }) if keys == [self.access.path(&Key::Lineage)] => {
                        attempts.at_once()?;
                        continue 'again;
                    }
                    Err(CommitError::Conflict { .. }) => return Ok(false),
                    Err(CommitError::Store(error)) => return Err(error.into()),
                }
            }
            return Ok(true);
        }
    }

    fn deletion(&self, lineage: Txn, id: NetworkId, network: &Network, modified: Revision) -> Txn {
        let mut txn = lineage
            .delete(self.access.path(&network.key(id)), Condition::Unchanged(modified))
            .delete(self.access.path(&Key::Name(network.name.clone())), Condition::Always);
        for segment in network.segments() {
            txn = txn.delete(self.access.path(&Key::Vni(segment.vni)), Condition::Always);
        }
        let ledger = Ledger::new(self.access.keyspace());
        let kept = network.subnets.iter().filter(|_| network.is_encrypted());
        kept.fold(txn, |txn, subnet| ledger.end_reservation(txn, subnet.pool, Condition::Always))
    }

    pub(crate) async fn prune(&self, filter: PruneFilter) -> Result<Vec<NetworkName>, Error> {
        // A network that an endpoint left a moment ago is unused, too.
        self.access.look_again().await;
        let cluster = self.access.cluster().await?;
        let unused = cluster
            .networks
            .iter()
            .filter(|(id, network)| !cluster.endpoints.contains_key(*id) && filter.matches(network))
            .filter(|(_, network)| !network.is_kept());
        let mut removed = Vec::new();
        for (id, network) in unused {
            match self.remove_unused(*id, network.name.clone()).await {
                Ok(()) => removed.push(network.name.clone()),
                // An endpoint joined it meanwhile: it is not unused.
                Err(error) if error.kind == Kind::Forbidden => {}
                Err(error) => return Err(error),
            }
        }
        removed.sort();
        Ok(removed)
    }

    /// Whether the store has a network at this moment.
    pub(crate) async fn is_in_store(&self, id: NetworkId) -> Result<bool, StoreError> {
        for key in [Key::Network(id), Key::EncryptedNetwork(id)] {
            if self.access.get(&self.access.path(&key)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn network_views(&self) -> Vec<NetworkView> {
        let cluster = self.access.known();
        let mut views: Vec<_> =
            cluster.networks.iter().map(|(id, network)| view(&cluster, *id, network)).collect();
        views.sort_by(|a, b| a.network.name.cmp(&b.network.name));
        views
    }

    pub(crate) fn known_network(&self, id: NetworkId) -> Option<NetworkView> {
        let cluster = self.access.known();
        cluster.networks.get(&id).map(|network| view(&cluster, id, network))
    }

    /// One network, if it is known by that name.
    #[cfg(test)]
    pub(crate) fn network_view(&self, name: &str) -> Result<NetworkView, Error> {
        let cluster = self.access.known();
        find(&cluster, name).map(|(id, network)| view(&cluster, id, network))
    }

    pub(crate) async fn inspect(&self, name: &str) -> Result<NetworkView, Error> {
        self.access
            .look_up(|cluster| find(cluster, name).map(|(id, network)| view(cluster, id, network)))
            .await
    }
}

fn view(cluster: &Cluster, id: NetworkId, network: &Network) -> NetworkView {
    let mut endpoints: Vec<_> = cluster.endpoints_of(&id).map(|(id, e)| (*id, (**e).clone())).collect();
    endpoints.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    NetworkView { id, network: network.clone(), endpoints }
}

/// The network called `name`: by its name, its id, or the start of its id.
pub(super) fn find<'c>(cluster: &'c Cluster, name: &str) -> Result<(NetworkId, &'c Stored<Network>), Error> {
    let by_name = name.parse().ok().and_then(|name: NetworkName| cluster.names.get(&name).copied());
    let by_id = || {
        let mut starting =
            cluster.networks.keys().filter(|id| !name.is_empty() && id.to_string().starts_with(name));
        match (starting.next(), starting.next()) {
            (Some(_), Some(_)) => Err(Error::invalid(format!("several network ids start with {name}"))),
            (found, _) => Ok(found.copied()),
        }
    };
    let id = by_name.map_or_else(by_id, |id| Ok(Some(id)))?;
    id.and_then(|id| Some((id, cluster.networks.get(&id)?))).ok_or_else(|| Error::not_found("network", name))
}

fn refuse_if_used<'e>(
    name: &NetworkName,
    id: NetworkId,
    endpoints: impl Iterator<Item = &'e Endpoint>,
) -> Result<(), Error> {
    let who: Vec<String> = endpoints.take(10).map(|e| format!("{} on {}", e.name, e.node)).collect();
    if who.is_empty() { Ok(()) } else { Err(in_use(name, id, &who.join(", "))) }
}

/// An agent that cannot encrypt would not know of the network.
fn refuse_unless_all_encrypt(cluster: &Cluster) -> Result<(), Error> {
    let unable = cluster.nodes.iter().filter(|(_, node)| node.encrypts().is_none());
    let unable: Vec<String> = unable.map(|(name, node)| format!("{name} ({})", node.version)).collect();
    let Some((first, others)) = unable.split_first() else { return Ok(()) };
    let more = match others.len() {
        0 => String::new(),
        1..=9 => format!(", {}", others.join(", ")),
        count => format!(" and {count} more"),
    };
    let message = format!(
        "an encrypted network needs an agent that can encrypt on every host of the cluster, and these cannot: {first}{more}. \
         Upgrade weft there; a host that does not come back leaves with `weft node rm`"
    );
    Err(Error::new(Kind::Forbidden, message))
}

/// A race with a key that this version cannot read would go on for ever.
fn refuse_unreadable(cluster: &Cluster, keys: &[String]) -> Result<(), Error> {
    match keys.iter().find_map(|key| cluster.unreadable.get_key_value(key)) {
        Some((key, why)) => Err(Taken::Unreadable { key: key.clone(), why: why.clone() }.into()),
        None => Ok(()),
    }
}

/// Worded as Docker words it, since scripts look for it.
fn in_use(name: &NetworkName, id: NetworkId, who: &str) -> Error {
    let message = format!("error while removing network: network {name} id {id} has active endpoints: {who}");
    Error::new(Kind::Forbidden, message)
}
