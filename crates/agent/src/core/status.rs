//! How this node is.

mod certificate;
mod encrypted;
mod inside;
mod paths;
mod traffic;
mod unbelieved;

use super::parts::{Base, CoreParts};
use super::{access::ClusterAccess, endpoints::Endpoints, nodes::Nodes};
use crate::{
    config::AgentConfig,
    host::Host,
    membership::Outside,
    metrics::Telemetry,
    processes::ProcessTable,
    reconcile::{
        KernelDrift, RoundReport, Rounds,
        clash::{self, Overlap},
        has_way_out,
    },
    shared_names::shared_names,
    underlay::Underlay,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};
use weft_model::{ClusterId, Key, NetworkId, NetworkName};
use weft_state::{
    admission::Admission,
    cluster::Cluster,
    env::Env,
    journal::{LocalEndpoint, LocalEndpoints},
    view::Gate,
};
use weft_store::StoreError;
use weft_verbs::{
    Counts, Drift, EngineStatus, Error, Fenced, KernelStatus, NetworkStatus, PeerPath, Round, Status,
    StoreStatus,
};

/// How long a request for the status waits for a look at the kernel, and for the store.
pub(super) const LOOK_PATIENCE: Duration = Duration::from_secs(2);
/// How long the kernel may be otherwise than it should before somebody has to look at it. Until then the loop is at
/// work on it.
const MENDING: Duration = Duration::from_secs(10);

/// What problems are looked for in.
struct Findings<'a> {
    cluster: &'a Cluster,
    underlay: &'a Underlay,
    fenced: &'a [Fenced],
    drift: Option<&'a KernelStatus>,
    /// Why this node is not in the cluster, if it is not.
    outside: Option<Outside>,
    engine: Option<&'a EngineStatus>,
    paths: &'a [PeerPath],
}

/// Says how this node is.
pub(crate) struct Reporter {
    access: Arc<ClusterAccess>,
    config: Arc<AgentConfig>,
    telemetry: Telemetry,
    admission: Arc<Admission>,
    endpoints: Arc<Endpoints>,
    env: Arc<Env>,
    host: Arc<dyn Host>,
    nodes: Arc<Nodes>,
    processes: Arc<ProcessTable>,
    rounds: Rounds,
    engine: watch::Receiver<Option<EngineStatus>>,
    started: Timestamp,
    /// Why this host cannot encrypt, where a network is encrypted; as it was when it was last asked.
    unable: Mutex<Option<String>>,
}

impl Reporter {
    pub(super) fn new(parts: &CoreParts, base: &Base, engine: watch::Receiver<Option<EngineStatus>>) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            config: Arc::clone(&parts.config),
            telemetry: parts.telemetry.clone(),
            admission: Arc::clone(&parts.admission),
            endpoints: Arc::clone(&base.endpoints),
            env: Arc::clone(&parts.env),
            host: Arc::clone(&parts.host),
            nodes: Arc::clone(&base.nodes),
            processes: Arc::clone(&parts.table),
            rounds: parts.rounds.clone(),
            engine,
            started: parts.env.now(),
            unable: Mutex::default(),
        }
    }

    /// What this agent counts.
    #[cfg(test)]
    pub(crate) fn metrics(&self) -> &Arc<crate::metrics::Metrics> {
        &self.telemetry.metrics
    }

    /// The id of the cluster that this node is in, once it knows.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.admission.cluster()
    }

    /// The last round of the loop, once there was one.
    #[cfg(test)]
    pub(crate) fn last_round(&self) -> Option<Arc<RoundReport>> {
        self.rounds.last()
    }

    /// What the next round would change on this host, a step a line.
    pub(crate) async fn plan(&self) -> Result<Vec<String>, Error> {
        self.rounds.plan().await
    }

    /// Looks at the kernel and asks the store anew, both for a while at most.
    pub(crate) async fn examine(&self) {
        self.ask_for_encryption().await;
        let lineage = self.access.path(&Key::Lineage);
        // The store's client notes how long an answer takes; the task that follows the store notes that there is none.
        let ask = timeout(LOOK_PATIENCE, self.access.get(&lineage));
        let ((), asked) = tokio::join!(self.rounds.look(LOOK_PATIENCE), ask);
        let refused = match asked {
            Ok(Err(error @ StoreError::Refused { .. })) => Some(error.to_string()),
            Ok(Ok(_)) => None,
            // That it is out of reach says nothing about it.
            Ok(Err(_)) | Err(_) => return,
        };
        self.telemetry.metrics.store.set_refused(refused);
    }

    pub(crate) fn describe(&self) -> Status {
        let cluster = self.access.known();
        let report = self.rounds.last();
        let endpoints = self.endpoints.here();
        let kernel = self.rounds.kernel().map(|drift| kernel_status(&drift, &cluster, &endpoints));
        let fenced: Vec<Fenced> = endpoints.iter().filter_map(|(id, local)| fenced(*id, local)).collect();
        // Each borrowed once, and for a moment: a borrow within the expression below would be held to its end, and a
        // second borrow waits for a task that waits to change the value, for ever (tokio's `watch::Sender::borrow`).
        let (membership, engine) = (self.access.membership().borrow().clone(), self.engine.borrow().clone());
        let underlay = self.host.underlay().borrow().clone();
        let paths = self.measured_paths(&cluster);
        Status {
            node: self.config.node_name.clone(),
            id: self.access.identity().id(),
            started: self.started,
            advertise: self.config.reached_at(underlay.address),
            vtep: underlay.address,
            vxlan_port: self.config.vxlan_port,
            tunnel_port: self.config.tunnel_port,
            data_dir: self.config.data_dir.clone(),
            joined: membership.is_none(),
            trust: self.config.trust,
            store: self.store_status(),
            counts: Counts {
                networks: cluster.networks.len(),
                nodes: cluster.nodes.len(),
                nodes_up: cluster.nodes.keys().filter(|name| cluster.is_up(name)).count(),
                nodes_unbelieved: unbelieved::of_nobody(&cluster).count(),
                endpoints: cluster.all_endpoints().count(),
                endpoints_here: endpoints.len(),
                processes: self.processes.all().len(),
            },
            leaving: endpoints.values().filter(|local| local.leaves_here()).count(),
            unknown_keys: cluster.unknown_kinds(),
            down: self.nodes.down(&cluster),
            round: report.as_deref().map(round),
            notes: self.notes(&cluster, &underlay),
            problems: self.problems(Findings {
                cluster: &cluster,
                underlay: &underlay,
                fenced: &fenced,
                drift: kernel.as_ref(),
                outside: membership,
                engine: engine.as_ref(),
                paths: &paths,
            }),
            paths,
            engine,
            kernel,
            fenced,
            errors: self.telemetry.logs.problems(),
        }
    }

    fn store_status(&self) -> StoreStatus {
        let view = self.access.view().borrow();
        StoreStatus {
            description: self.access.describe_store(),
            prefix: self.admission.location().prefix().to_owned(),
            cluster: self.admission.cluster(),
            refused: view.gate == Gate::Refused,
            since: view.since,
            error: view.error.clone(),
            lost: view.stored.is_some(),
            remembered: view.remembered,
            answered: self.telemetry.metrics.store.answered(),
        }
    }

    fn problems(&self, findings: Findings<'_>) -> Vec<String> {
        let Findings { cluster, underlay, fenced, drift, outside, engine, paths } = findings;
        let unreadable =
            cluster.garbage().map(|(key, why)| format!("key {key} in the store is ignored: {why}"));
        let fenced = fenced
            .iter()
            .map(|one| format!("{} on network {} is cut off: {}", one.name, one.network, one.why));
        let report = self.rounds.last();
        let kernel = report.iter().flat_map(|report| report.problems().cloned());
        let differing = drift.map(|drift| differing(drift, self.env.now())).unwrap_or_default();
        let engine = engine.map(|engine| engine.problems.clone()).unwrap_or_default();
        let store_away = self.access.view().borrow().error.is_some();
        let refused = self.telemetry.metrics.store.refused().filter(|_| !store_away).map(|why| {
            format!("the store does not let this host in any more: {why}. What it watched before goes on, nothing new can be decided")
        });
        let membership = outside.map(|outside| outside.beside(store_away));
        let membership = membership.into_iter().chain(refused);
        let here = membership.chain(underlay.problem.clone()).chain(self.host.shortage()).chain(fenced);
        let clashes = self.overlaps(cluster, underlay).into_iter().filter_map(|overlap| match overlap {
            Overlap::Problem(text) => Some(text),
            Overlap::Note(_) => None,
        });
        let here = here.chain(clashes).chain(unbelieved::problems(cluster, &self.config));
        let here = here.chain(certificate::problem(&self.config, Timestamp::now()));
        let shared = shared_names(cluster, &self.endpoints.here());
        let paths = paths.iter().filter_map(|path| path.trouble.clone());
        let shared = shared.into_iter().chain(self.troubles_of_encrypted(cluster)).chain(paths);
        let shared = shared.chain(self.telemetry.troubles.all());
        here.chain(kernel).chain(differing).chain(engine).chain(shared).chain(unreadable).collect()
    }
}

impl Reporter {
    /// The networks with endpoints here whose addresses something else has, too, on this host.
    fn overlaps(&self, cluster: &Cluster, underlay: &Underlay) -> Vec<Overlap> {
        let endpoints = self.endpoints.here();
        let mut networks: BTreeMap<_, _> = BTreeMap::new();
        for local in endpoints.values() {
            networks.entry(local.network_id).or_insert((&local.network, false)).1 |= has_way_out(local);
        }
        let me = &self.config.node_name;
        networks.into_values().filter_map(|network| clash::overlap(network, me, cluster, underlay)).collect()
    }

    fn notes(&self, cluster: &Cluster, underlay: &Underlay) -> Vec<String> {
        let note = |overlap| match overlap {
            Overlap::Note(text) => Some(text),
            Overlap::Problem(_) => None,
        };
        self.overlaps(cluster, underlay)
            .into_iter()
            .filter_map(note)
            .chain(self.encrypted())
            .chain(self.unable(cluster))
            .chain(unbelieved::only_authority(cluster))
            .chain(self.unmeasured(cluster))
            .chain(self.lowered(cluster))
            .chain(self.config.store_serve.iter().filter_map(|serve| serve.openness().map(str::to_owned)))
            .collect()
    }
}

fn fenced(id: weft_model::EndpointId, local: &LocalEndpoint) -> Option<Fenced> {
    let why = local.fenced.clone()?;
    Some(Fenced { id, name: local.endpoint.name.clone(), network: local.network.name.clone(), why })
}

/// What the kernel holds, by the names of the networks.
fn kernel_status(kernel: &KernelDrift, cluster: &Cluster, endpoints: &LocalEndpoints) -> KernelStatus {
    let mut here: BTreeMap<NetworkId, (NetworkName, usize)> = BTreeMap::new();
    for local in endpoints.values() {
        here.entry(local.network_id).or_insert_with(|| (local.network.name.clone(), 0)).1 += 1;
    }
    let network = |(id, drift): (&Option<NetworkId>, &Drift)| {
        let id = (*id)?;
        let known = || cluster.networks.get(&id).map(|network| (network.name.clone(), 0));
        // One that has gone since the look is not spoken of.
        let (name, endpoints) = here.get(&id).cloned().or_else(known)?;
        let mtu = kernel.mtus.get(&id).copied();
        Some(NetworkStatus { id, name, endpoints, mtu, drift: drift.clone() })
    };
    let mut networks: Vec<_> = kernel.parts.iter().filter_map(network).collect();
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    let host = kernel.parts.get(&None).cloned().unwrap_or_default();
    KernelStatus { at: kernel.at, error: kernel.error.clone(), networks, host }
}

/// What differs for so long that the loop will not mend it by itself, a sentence each.
fn differing(kernel: &KernelStatus, now: Timestamp) -> Vec<String> {
    let networks = kernel.networks.iter().map(|one| (format!("network {}", one.name), &one.drift));
    let all = networks.chain([("the host".to_owned(), &kernel.host)]);
    let say = |(what, drift): (String, &Drift)| {
        let differences = &drift.differences;
        // What stands in the way is said by the round.
        (differences.entries() > 0 && is_lasting(drift, now)).then(|| {
            format!(
                "{what}: the kernel lacks {} entries, has {} too many, and {} are wrong, for {} s: see `weft plan`",
                differences.missing,
                differences.extra,
                differences.wrong,
                lasted(drift, now).as_secs()
            )
        })
    };
    let unseen = kernel.error.as_ref().map(|why| format!("the kernel cannot be looked at: {why}"));
    all.filter_map(say).chain(unseen).collect()
}

/// For how long something has been otherwise than it should.
fn lasted(drift: &Drift, now: Timestamp) -> Duration {
    let since = drift.differs_since.map(|since| now.duration_since(since));
    since.and_then(|lasted| Duration::try_from(lasted).ok()).unwrap_or_default()
}

/// Whether the loop will not mend it by itself.
pub(super) fn is_lasting(drift: &Drift, now: Timestamp) -> bool {
    lasted(drift, now) >= MENDING
}

fn round(report: &RoundReport) -> Round {
    Round {
        at: report.at,
        took: report.took,
        steps: report.steps(),
        failures: report.failures().cloned().collect(),
    }
}
