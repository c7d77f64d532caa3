//! Endpoints of this node: joined and left.
//!
//! To join is to claim addresses in the store, to write the endpoint into the journal, and to wait for the
//! loop to have made it. To leave is the same backwards. A crash in between is repaired by the loop and by
//! `housekeeping`: the journal says what should be.

mod engine;
mod joining;
mod leftovers;
mod owned;
mod refusal;
mod removed;
mod vacancy;

pub(super) use removed::WHY;

use super::parts::CoreParts;
use super::{
    access::ClusterAccess,
    allocator::{Allocator, NewEndpoint},
    macs,
    networks::find,
};
use crate::{host::Host, processes::ProcessTable, reconcile::Rounds};
use jiff::{SignedDuration, Timestamp};
use joining::JoinLocks;
use refusal::EndpointRefusal;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{OwnedMutexGuard, watch};
use vacancy::{free_interface, in_use, refuse_twice};
use weft_model::{Endpoint, EndpointId, EndpointName, IfName, NetworkId, PortMapping};
use weft_state::{
    cluster::{Cluster, OwnKeys},
    env::Env,
    journal::{Journal, LocalEndpoint, LocalEndpoints, Owner},
};
use weft_verbs::{EndpointView, EngineStatus, Error, JoinOptions, Kind};

/// Why nobody joins an encrypted network.
const NO_KEY: &str = "this host has no key to encrypt with: its agent could not read or write credentials/tunnel.key in its data \
                      directory when it started, and its log says why; an encrypted network is never served in clear";

/// How long the kernel's part of joining or leaving may take.
const DATA_PLANE_PATIENCE: Duration = Duration::from_secs(10);

/// What an endpoint belongs to.
pub(super) struct Holder {
    pub(super) netns: PathBuf,
    pub(super) owner: Owner,
    pub(super) container: Option<String>,
    /// The interface that it gets, if not the first that is free.
    pub(super) interface: Option<IfName>,
    pub(super) ports: Vec<PortMapping>,
}

/// Puts endpoints of this node on networks, and takes them off.
pub(crate) struct Endpoints {
    access: Arc<ClusterAccess>,
    allocator: Arc<Allocator>,
    env: Arc<Env>,
    host: Arc<dyn Host>,
    journal: Arc<Journal>,
    processes: Arc<ProcessTable>,
    rounds: Rounds,
    /// The state of the container engine, from the task that follows it.
    engine: watch::Receiver<Option<EngineStatus>>,
    joining: JoinLocks,
    /// What this node has in the store.
    own_keys: Mutex<OwnKeys>,
}

impl Endpoints {
    pub(super) fn new(
        parts: &CoreParts,
        allocator: &Arc<Allocator>,
        engine: watch::Receiver<Option<EngineStatus>>,
    ) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            allocator: Arc::clone(allocator),
            env: Arc::clone(&parts.env),
            host: Arc::clone(&parts.host),
            journal: Arc::clone(&parts.journal),
            processes: Arc::clone(&parts.table),
            rounds: parts.rounds.clone(),
            engine,
            joining: JoinLocks::default(),
            own_keys: Mutex::default(),
        }
    }

    /// The endpoints of this node, by its journal.
    pub(crate) fn here(&self) -> LocalEndpoints {
        self.journal.endpoints()
    }

    /// Changes whenever an endpoint of this node does.
    pub(crate) fn changes(&self) -> watch::Receiver<LocalEndpoints> {
        self.journal.changes()
    }

    /// Waits until nobody joins `netns` to a network, and keeps others from it.
    pub(super) async fn lock(&self, netns: &Path) -> OwnedMutexGuard<()> {
        self.joining.lock_namespace(netns).await
    }

    pub(super) async fn join(
        &self,
        network_id: NetworkId,
        name: &EndpointName,
        options: &JoinOptions,
        holder: Holder,
    ) -> Result<EndpointView, Error> {
        let _one_at_a_time = self.joining.lock(&holder.netns, network_id, name).await;
        if let Some((id, local)) = self.same_again(network_id, name, options, &holder) {
            self.refuse_if_cut_off(id, &local).await?;
            self.rounds.made(DATA_PLANE_PATIENCE, &id).await?;
            return Ok(view(id, &local));
        }
        if holder.owner.process().is_some_and(|process| !self.processes.is_alive(&process)) {
            return Err(EndpointRefusal::ProcessEnded(name.clone()).into());
        }
        let inside = self.host.look_into(&holder.netns).await?;
        let known = self.journal.endpoints();
        refuse_twice(&known, network_id, name, &holder)?;
        let is_free = |ifname: &IfName| {
            !inside.interfaces.contains(ifname.as_str()) && !in_use(&known, &holder.netns, ifname)
        };
        let ifname = free_interface(holder.interface.as_ref(), is_free)?;
        let id = self.env.random(|rng| EndpointId::random(rng));
        let _in_the_making = self.allocator.make(id);
        let container = holder.container;
        let created = self.next_in(&holder.netns);
        let new = NewEndpoint { id, name, container, created, options };
        let (network, endpoint) = self.allocator.claim(network_id, &new).await?;
        let local = LocalEndpoint {
            network_id,
            default_route: !network.internal && !inside.has_default_route,
            network,
            endpoint,
            netns: holder.netns,
            ifname,
            owner: holder.owner,
            ports: holder.ports,
            links: Vec::new(),
            fenced: None,
            removed: false,
        };
        let joined = view(id, &local);
        let made = match self.make(id, local).await {
            Ok(()) => macs::refuse_unless_alone(&self.access, network_id, id).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = made {
            // Nothing half-done: what the store still has of it when this fails too, housekeeping takes away.
            if let Err(error) = self.leave(id).await {
                tracing::warn!(endpoint = %name, %error, "cannot take back an endpoint that was not made");
            }
            return Err(error);
        }
        tracing::info!(endpoint = %name, network = %joined.network_name, "joined");
        Ok(joined)
    }

    /// The endpoint that the same request made before.
    fn same_again(
        &self,
        network_id: NetworkId,
        name: &EndpointName,
        options: &JoinOptions,
        holder: &Holder,
    ) -> Option<(EndpointId, LocalEndpoint)> {
        let same = |local: &LocalEndpoint| {
            let endpoint = &local.endpoint;
            local.network_id == network_id
                && local.netns == holder.netns
                && local.owner == holder.owner
                && endpoint.name == *name
                && endpoint.aliases == options.aliases
                && options.ipv4.is_none_or(|asked| endpoint.ipv4 == Some(asked))
                && options.ipv6.is_none_or(|asked| endpoint.ipv6 == Some(asked))
                && options.mac.is_none_or(|asked| endpoint.mac == asked)
        };
        let known = self.journal.endpoints();
        known.iter().find(|(_, local)| same(local)).map(|(id, local)| (*id, local.clone()))
    }

    /// An endpoint that is there already is of no use if another one has its address by now.
    async fn refuse_if_cut_off(&self, id: EndpointId, local: &LocalEndpoint) -> Result<(), Error> {
        let cut_off = |why: String| {
            let (name, network) = (local.endpoint.name.clone(), local.network.name.clone());
            Error::from(EndpointRefusal::CutOff { name, network, why })
        };
        if let Some(why) = &local.fenced {
            return Err(cut_off(why.clone()));
        }
        let still_its_own = |cluster: &Cluster| {
            let mut claims = local
                .subnets()
                .filter_map(|(address, subnet)| Some((address, cluster.claim(subnet.pool, address)?)));
            match claims.find(|(_, claim)| claim.endpoint != id) {
                Some((address, claim)) => {
                    let node = &claim.node;
                    Err(cut_off(format!("address {address} went to an endpoint of node {node} meanwhile")))
                }
                None => Ok(()),
            }
        };
        self.access.look_up(still_its_own).await
    }

    /// When an endpoint that joins `netns` now is created: after those it has, also where the clock went back. Their
    /// order says which network is the way out, and which is asked first for a name.
    fn next_in(&self, netns: &Path) -> Timestamp {
        let known = self.journal.endpoints();
        let created = known.values().filter(|local| local.netns == netns).map(|local| local.endpoint.created);
        let after = |last: Timestamp| last.checked_add(SignedDuration::from_nanos(1)).unwrap_or(last);
        let now = self.env.now();
        created.max().map_or(now, |last| now.max(after(last)))
    }

    async fn make(&self, id: EndpointId, local: LocalEndpoint) -> Result<(), Error> {
        if local.network.is_encrypted() {
            self.host.can_encrypt().await?;
            let own = self.access.known().nodes.get(self.access.node()).map(|own| own.encrypts().is_some());
            if own == Some(false) {
                return Err(Error::new(Kind::Forbidden, NO_KEY));
            }
        }
        self.journal.put(id, local).map_err(|error| Error::internal("the endpoint was not made", error))?;
        self.rounds.made(DATA_PLANE_PATIENCE, &id).await
    }

    /// Takes an endpoint of this node away. What is gone already is no error; the store may be told later.
    pub(crate) async fn leave(&self, id: EndpointId) -> Result<(), Error> {
        let vni = self.journal.endpoints().get(&id).and_then(LocalEndpoint::vni);
        self.journal.remove(&id).map_err(|error| Error::internal("the endpoint stays", error))?;
        if self.access.view().borrow().cluster.is_none() {
            let endpoint = id.short();
            tracing::warn!(endpoint, "left; this host and the store follow once the store can be reached");
            return Ok(());
        }
        let removals = self.journal.removals();
        // Its address may go to another only after the kernel has let go of it here.
        self.rounds.after(DATA_PLANE_PATIENCE, |report| report.has_let_go(removals, vni)).await?;
        match self.allocator.release(id).await {
            Ok(()) => self.access.until(|cluster| cluster.endpoint(&id).is_none()).await,
            Err(error) if error.kind == Kind::Unavailable => {
                tracing::warn!(endpoint = id.short(), %error, "left; the store will be told when it is back");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(crate) async fn detach_endpoint(&self, network: &str, endpoint: &str) -> Result<(), Error> {
        let known = self.journal.endpoints();
        let network = match local_network(&known, network) {
            Some(id) => id,
            None => self.access.look_up(|cluster| find(cluster, network).map(|(id, _)| id)).await?,
        };
        let on_it = known.iter().filter(|(_, local)| local.network_id == network);
        let id = the_one(endpoint, on_it.map(|(id, local)| (*id, &local.endpoint)))?
            .ok_or_else(|| Error::not_found("endpoint", &format!("{endpoint} on this node")))?;
        self.leave(id).await
    }

    pub(crate) async fn connect_process(
        &self,
        network: &str,
        container: &str,
        options: JoinOptions,
    ) -> Result<EndpointView, Error> {
        let (_, network) = self.access.decide(|cluster| find(cluster, network).map(|(id, _)| id)).await?;
        let process = self.processes.find(container)?;
        self.processes.require_running(&process)?;
        let holder = Holder {
            netns: process.netns(),
            owner: Owner::Process(process.id),
            container: Some(process.id.to_string()),
            interface: None,
            ports: process.ports.clone(),
        };
        self.join(network, &process.name, &options, holder).await
    }

    pub(crate) async fn disconnect_container(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> Result<(), Error> {
        let (id, here) =
            self.access.look_up(|cluster| self.to_take_off(cluster, network, container, force)).await?;
        if here { self.leave(id).await } else { self.remove_elsewhere(id).await }
    }

    /// The endpoint to take off a network, and whether it is of this node.
    fn to_take_off(
        &self,
        cluster: &Cluster,
        network: &str,
        container: &str,
        force: bool,
    ) -> Result<(EndpointId, bool), Error> {
        let (network_id, record) = find(cluster, network)?;
        let on_it = || cluster.endpoints_of(&network_id).map(|(id, endpoint)| (*id, &**endpoint));
        let here = the_one(container, on_it().filter(|(_, e)| e.node == *self.access.node()))?;
        if let Some(id) = here {
            return Ok((id, true));
        }
        let found = the_one(container, on_it())?.and_then(|id| Some((id, cluster.endpoint(&id)?.1)));
        let Some((id, endpoint)) = found else {
            let (container, network) = (container.to_owned(), record.name.clone());
            return Err(EndpointRefusal::NotOnNetwork { container, network }.into());
        };
        let (up, node) = (cluster.is_up(&endpoint.node), endpoint.node.clone());
        let container = || container.to_owned();
        match (up, force) {
            (true, _) => Err(EndpointRefusal::OnAnotherNode { container: container(), node }.into()),
            (false, false) => Err(EndpointRefusal::OnNodeDown { container: container(), node }.into()),
            (false, true) => Ok((id, false)),
        }
    }
}

/// A network that this node is on, by its name or id: also one that was removed elsewhere, with what is cut off here.
fn local_network(known: &LocalEndpoints, name: &str) -> Option<NetworkId> {
    let by_name = known.values().find(|e| e.network.name.as_str() == name);
    let by_id = || known.values().find(|e| e.network_id.to_string() == name);
    by_name.or_else(by_id).map(|e| e.network_id)
}

/// The endpoint called `name`: by its name; otherwise by the start of its id, or of its container's, that
/// only one has.
fn the_one<'e>(
    name: &str,
    endpoints: impl Iterator<Item = (EndpointId, &'e Endpoint)>,
) -> Result<Option<EndpointId>, EndpointRefusal> {
    let endpoints: Vec<_> = endpoints.collect();
    if let Some((id, _)) = endpoints.iter().find(|(_, endpoint)| endpoint.name.as_str() == name) {
        return Ok(Some(*id));
    }
    let starts = |text: &str| !name.is_empty() && text.starts_with(name);
    let mut starting = endpoints
        .iter()
        .filter(|(id, e)| starts(&id.to_string()) || e.container.as_deref().is_some_and(starts))
        .map(|(id, _)| *id);
    match (starting.next(), starting.next()) {
        (Some(_), Some(_)) => Err(EndpointRefusal::Ambiguous(name.to_owned())),
        (found, _) => Ok(found),
    }
}

fn view(id: EndpointId, local: &LocalEndpoint) -> EndpointView {
    EndpointView {
        id,
        endpoint: local.endpoint.clone(),
        network: local.network_id,
        network_name: local.network.name.clone(),
    }
}
