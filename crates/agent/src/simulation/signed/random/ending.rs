//! When the liar stops, everything comes right.

use super::{Instant, NETWORKS, VERB_DEADLINE, World, looks::tunnels};
use crate::simulation::moved::vteps;
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;
use weft_model::NodeName;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long hosts are left to themselves before one joins again that lacks an authority.
const ALONE: Duration = Duration::from_secs(40);

impl World {
    pub(super) async fn comes_right(&mut self) {
        self.look();
        for index in 0..self.hosts.len() {
            self.hosts[index].heal();
            // Whoever looks after the cluster stops what he revoked.
            if self.hosts[index].revoked {
                self.kill(index).await;
            } else if !self.hosts[index].node.is_running() {
                self.hosts[index].start();
            }
        }
        self.pass(Duration::from_secs(5)).await;
        self.the_liar_stops().await;
        let began = Instant::now();
        loop {
            self.look_after(began.elapsed() > ALONE).await;
            self.pass(Duration::from_secs(5)).await;
            let Err(why) = self.is_right() else { break };
            let says = || self.hosts[0].node.problems();
            assert!(
                began.elapsed() < PATIENCE,
                "still so after {PATIENCE:?}: {why}; host1 says {:?}",
                says()
            );
        }
    }

    fn good(&self) -> impl Iterator<Item = usize> {
        (0..self.hosts.len()).filter(|index| !self.hosts[*index].revoked)
    }

    /// What agents do of themselves, by other parts than those that run here; and what they ask people to do.
    async fn look_after(&mut self, patience_is_over: bool) {
        for index in self.good().collect::<Vec<_>>() {
            if self.hosts[index].node.has_given_up() {
                self.kill(index).await;
                self.hosts[index].start();
            }
            self.follow(index);
            if patience_is_over && self.is_behind(index) {
                self.join_again(index).await;
            }
            self.put_back(index).await;
        }
        let core = self.hosts[0].node.core();
        let revoked: Vec<NodeName> = self
            .hosts
            .iter()
            .filter(|host| host.revoked)
            .map(|host| host.node.config.node_name.clone())
            .collect();
        for name in revoked {
            // It may be up still, or have gone already.
            let _ = timeout(VERB_DEADLINE, core.nodes.give_up_node(&name)).await.expect("it takes too long");
        }
    }

    fn is_behind(&self, index: usize) -> bool {
        let (own, first) = (self.hosts[index].node.credentials(), self.hosts[0].node.credentials());
        let is_up_to_date = own.member().unwrap().unwrap().is_up_to_date();
        !is_up_to_date || own.newest_authority().unwrap() != first.newest_authority().unwrap()
    }

    /// A host that was away when somebody took its record away was given up: what it had joins again.
    async fn put_back(&mut self, index: usize) {
        let core = self.hosts[index].node.core();
        let here = core.endpoints.here();
        for (id, local) in here.iter().filter(|(_, local)| local.fenced.is_some()) {
            let (network, endpoint) = (local.network_id.to_string(), id.to_string());
            let _ = timeout(VERB_DEADLINE, core.endpoints.detach_endpoint(&network, &endpoint))
                .await
                .expect("it takes too long");
        }
        self.attach(index).await;
    }

    fn is_right(&self) -> Result<(), String> {
        let names: BTreeSet<_> = self.good().map(|index| self.name(index)).collect();
        let newest = self.hosts[0].node.authority().id();
        for index in self.good() {
            let (host, name) = (&self.hosts[index].node, self.name(index));
            let known = host.core().known();
            let nodes: BTreeSet<_> = known.nodes.keys().map(ToString::to_string).collect();
            if nodes != names || known.live.len() != names.len() {
                let (up, problems) = (known.live.len(), host.problems());
                return Err(format!("{name} knows {nodes:?}, {up} up, of {names:?}: {problems:?}"));
            }
            if host.believes() != [newest] {
                return Err(format!("{name} believes {:?}, not {newest:?}", host.believes()));
            }
            let problems = host.problems();
            if !problems.is_empty() {
                return Err(format!("{name}: {problems:?}"));
            }
            let here = host.core().endpoints.here().len();
            if here != NETWORKS.len() || known.all_endpoints().count() != names.len() * NETWORKS.len() {
                return Err(format!("{name}: {here} endpoints, of {}", known.all_endpoints().count()));
            }
            let others: BTreeSet<IpAddr> =
                self.good().filter(|other| *other != index).map(|other| self.hosts[other].at).collect();
            // The VXLAN devices of the encrypted network send to addresses in the tunnel.
            let sent: BTreeSet<IpAddr> = vteps(host).1.into_iter().filter(IpAddr::is_ipv4).collect();
            let tunnels: BTreeSet<IpAddr> = tunnels(host).iter().map(SocketAddr::ip).collect();
            if sent != others || tunnels != others {
                return Err(format!(
                    "{name} sends to {sent:?}, and by tunnels to {tunnels:?}, not to {others:?}"
                ));
            }
        }
        Ok(())
    }
}
