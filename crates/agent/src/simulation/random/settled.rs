//! Whether everything has come right.

use super::{NODES, World, ledger::Fate, verbs::lock};
use crate::simulation::Node;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use weft_model::{ClusterId, EndpointId, Keyspace, NodeName};
use weft_plan::{Link, Netns};
use weft_state::{cluster::Cluster, journal::LocalEndpoints};
use weft_store::Store;

/// How long it may take after the last fault: sessions, half-made removals and vanished containers are each
/// waited for.
const PATIENCE: Duration = Duration::from_secs(180);
/// How the reason begins where a network could not be put back.
const REPLACED: &str = "the store lost its network";

impl World {
    /// Waits until journals, store and kernels agree, and every promise is kept.
    pub(super) async fn settle(&mut self) {
        self.eventually(async |world| {
            world.restart_who_gave_up().await;
            let cluster = world.cluster().await?;
            agrees_with_itself(&cluster)?;
            world.keeps_its_promises(&cluster)?;
            for node in &world.nodes {
                node.agrees(&cluster).await?;
                node.tells_names(&cluster)?;
            }
            Ok(())
        })
        .await;
        self.check();
    }

    /// Takes everything away: nothing may be left.
    pub(super) async fn clear_up(&mut self) {
        // Watches that were slow a moment ago are, to the end of their wait.
        sleep(Duration::from_secs(5)).await;
        // What is refused must be true, also by the last to hear of what is done now.
        self.nodes[0].store.faults().set_watch_delay(Duration::from_secs(1));
        for node in &self.nodes {
            for (id, local) in node.core().endpoints.here().iter() {
                let network = local.network_id.to_string();
                node.core().endpoints.detach_endpoint(&network, &id.to_string()).await.unwrap();
            }
        }
        let networks: Vec<_> = self.cluster().await.unwrap().networks.keys().copied().collect();
        for id in networks {
            let removed = self.nodes[0].core().networks.remove(&id.to_string()).await;
            assert!(removed.is_ok(), "{} is not removed: {removed:?}", id.short());
        }
        self.eventually(async |world| {
            // The keys `nodes`, `live` and `latest` of each node, `epoch` and `cluster`; and `rebuilt`, if there is one.
            let expected: usize = 3 * NODES + 2;
            let keys = world.store.list("weft").await.map_err(|error| error.to_string())?.entries;
            let keys: Vec<String> =
                keys.into_iter().map(|entry| entry.key).filter(|key| !key.ends_with("/rebuilt")).collect();
            if keys.len() > expected {
                return Err(format!("left in the store: {keys:?}"));
            }
            world.nodes.iter().try_for_each(Node::is_bare)
        })
        .await;
        self.check();
    }

    /// Starts the agents anew that have given up, as their unit does.
    pub(super) async fn restart_who_gave_up(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| node.has_given_up()) {
            node.kill().await;
            node.start();
        }
    }

    pub(super) async fn eventually(&mut self, holds: impl AsyncFn(&mut Self) -> Result<(), String>) {
        let began = Instant::now();
        while let Err(why) = holds(self).await {
            assert!(began.elapsed() < PATIENCE, "still so after {PATIENCE:?}: {why}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Which cluster the store says it is.
    pub(super) async fn cluster_in_store(&self) -> Option<ClusterId> {
        self.cluster().await.ok()?.identity.map(|record| record.id)
    }

    async fn cluster(&self) -> Result<Cluster, String> {
        let listing = self.store.list("weft").await.map_err(|error| error.to_string())?;
        Ok(Cluster::read(&Keyspace::new("weft"), &listing))
    }

    fn keeps_its_promises(&self, cluster: &Cluster) -> Result<(), String> {
        let ledger = lock(&self.ledger);
        for (id, fate) in &ledger.networks {
            expect(*fate, cluster.networks.contains_key(id), || format!("network {}", id.short()))?;
        }
        for (id, promise) in &ledger.endpoints {
            let (what, node) = (|| format!("endpoint {}", id.short()), &self.nodes[promise.node]);
            let local = node.core().endpoints.here().get(id).cloned();
            let fenced = local.as_ref().and_then(|local| local.fenced.as_deref());
            // Before any node heard of the loss, one that never knew the network created another in its place: the
            // first stays.
            let fate = match fenced.is_some_and(|why| ledger.losses > 0 && why.contains(REPLACED)) {
                true => Fate::Unsure,
                false => promise.fate,
            };
            expect(fate, cluster.endpoint(id).is_some(), what)?;
            expect(fate, local.is_some_and(|local| local.fenced.is_none()), what)?;
        }
        Ok(())
    }
}

fn expect(fate: Fate, there: bool, what: impl Fn() -> String) -> Result<(), String> {
    match (fate, there) {
        (Fate::Here, false) => Err(format!("{} was promised, and is not there", what())),
        (Fate::Gone, true) => Err(format!("{} should be gone", what())),
        _ => Ok(()),
    }
}

/// Whether every key belongs to something, and nothing is half-done.
fn agrees_with_itself(cluster: &Cluster) -> Result<(), String> {
    let same = |what: &str, a: String, b: String| {
        if a == b { Ok(()) } else { Err(format!("{what}: {a} and {b}")) }
    };
    let networks = || cluster.networks.iter();
    let names: BTreeMap<_, _> = networks().map(|(id, n)| (n.name.clone(), *id)).collect();
    same("names", format!("{names:?}"), format!("{:?}", cluster.names))?;
    let vnis: BTreeMap<_, _> =
        networks().flat_map(|(id, n)| n.subnets.iter().map(|s| (s.vni, *id))).collect();
    same("VNIs", format!("{vnis:?}"), format!("{:?}", cluster.vnis))?;
    if let Some(pool) = cluster.cursors.keys().find(|pool| !cluster.pools().contains(pool)) {
        return Err(format!("the cursor of {pool} is left"));
    }
    if let Some(name) = cluster.latest.keys().find(|name| !cluster.nodes.contains_key(*name)) {
        return Err(format!("the latest endpoint of {name} is left"));
    }
    if let Some((_, network)) = networks().find(|(_, network)| network.removing) {
        return Err(format!("{} is half removed", network.name));
    }
    let of_endpoints: BTreeSet<_> =
        cluster.all_endpoints().flat_map(|(_, id, e)| e.addresses().map(move |a| (a, *id))).collect();
    let claimed: BTreeSet<_> =
        cluster.claims.values().flatten().map(|(address, claim)| (*address, claim.endpoint)).collect();
    same("addresses", format!("{of_endpoints:?}"), format!("{claimed:?}"))?;
    same("unreadable", format!("{:?}", cluster.unreadable), "{}".to_owned())?;
    same("nodes up", cluster.live.len().to_string(), NODES.to_string())
}

impl Node {
    /// Whether journal, store and kernel of this node agree.
    async fn agrees(&self, cluster: &Cluster) -> Result<(), String> {
        let (core, name) = (self.core(), &self.config.node_name);
        let out_of_reach = core.access.view().borrow().error.clone();
        if let Some(problem) =
            core.access.membership().borrow().as_ref().map(ToString::to_string).or(out_of_reach)
        {
            return Err(format!("{name}: {problem}"));
        }
        let journal = core.endpoints.here();
        let own: BTreeSet<EndpointId> =
            journal.iter().filter(|(_, local)| local.fenced.is_none()).map(|(id, _)| *id).collect();
        let stored: BTreeSet<EndpointId> = endpoints_of(cluster, name);
        let mut working = self.working();
        // What an engine took it keeps in order itself: somebody may have meddled with it. Of one that is cut off only
        // the near end is down, which is in the plan.
        let of_engines = |id: &EndpointId| journal.get(id).is_some_and(|local| local.owner.is_engine());
        working.retain(|id| !of_engines(id));
        working.extend(own.iter().filter(|id| of_engines(id)));
        if own != stored || own != working {
            return Err(format!(
                "{name}: in the journal {own:?}, in the store {stored:?}, in the kernel {working:?}"
            ));
        }
        let plan = core.reporter.plan().await.map_err(|error| error.to_string())?;
        if plan.is_empty() { self.has_no_other_segments(&journal) } else { Err(format!("{name}: {plan:?}")) }
    }

    fn has_no_other_segments(&self, journal: &LocalEndpoints) -> Result<(), String> {
        let wanted: BTreeSet<Netns> =
            journal.values().filter_map(|local| local.vni()).map(Netns::Segment).collect();
        let there = self.segments();
        if there == wanted { Ok(()) } else { Err(format!("segments: {there:?}, wanted: {wanted:?}")) }
    }

    fn segments(&self) -> BTreeSet<Netns> {
        let segment = |place: &&Netns| matches!(place, Netns::Segment(_));
        self.kernel.kernel(|kernel| kernel.namespaces.keys().filter(segment).cloned().collect())
    }

    /// The endpoints that can be used, as the kernel has it.
    fn working(&self) -> BTreeSet<EndpointId> {
        let id = |link: &Link| link.alias.as_deref()?.strip_prefix(weft_plan::ALIAS_PREFIX)?.parse().ok();
        self.kernel.kernel(|kernel| {
            let containers =
                kernel.namespaces.iter().filter(|(place, _)| matches!(place, Netns::Container(_)));
            let links = containers.flat_map(|(_, namespace)| namespace.links.values());
            links.filter(|link| link.up).filter_map(id).collect()
        })
    }

    /// Whether nothing of weft's is left on this host.
    fn is_bare(&self) -> Result<(), String> {
        let (links, ruleset) = self.kernel.kernel(|kernel| {
            let host = kernel.namespaces[&Netns::Host].links.values();
            let host = host.filter(|link| Link::is_ours(link.alias.as_deref())).count();
            (host, kernel.ruleset.is_some())
        });
        let (segments, working) = (self.segments(), self.working());
        let is_file = |entry: &std::io::Result<std::fs::DirEntry>| entry.as_ref().unwrap().path().is_file();
        let files = |directory: &str| {
            std::fs::read_dir(self.config.data_dir.join(directory)).unwrap().filter(is_file).count()
        };
        let journal = files("endpoints") + files("endpoints/encrypted");
        if segments.is_empty() && working.is_empty() && links == 0 && !ruleset && journal == 0 {
            return Ok(());
        }
        Err(format!(
            "{}: left: {segments:?}, {working:?}, {links} links, {ruleset}, {journal} files",
            self.config.node_name
        ))
    }
}

fn endpoints_of(cluster: &Cluster, node: &NodeName) -> BTreeSet<EndpointId> {
    cluster.all_endpoints().filter(|(_, _, e)| e.node == *node).map(|(_, id, _)| *id).collect()
}
