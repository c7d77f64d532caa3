//! What must never be, not even for a moment.

use super::{
    Host, Instant, World,
    changes::WRITTEN_DOWN,
    liar::{ELSEWHERE, is_his},
};
use crate::simulation::{Node, moved::vteps};
use rand::RngExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::time::sleep;
use weft_model::{NodeName, NodeStatement};
use weft_plan::Netns;
use weft_state::cluster::Cluster;

/// How long an agent that hears of everything in time may take until its kernel sends nothing to a host that was revoked.
const SETTLING: Duration = Duration::from_secs(10);

/// Where the tunnels of a host lead to.
pub(super) fn tunnels(node: &Node) -> BTreeSet<SocketAddr> {
    node.kernel.kernel(|kernel| {
        let tunnel = kernel.namespaces.get(&Netns::Tunnel).into_iter();
        let peers = tunnel.flat_map(|tunnel| tunnel.links.values()).flat_map(|link| link.peers.values());
        peers.filter_map(|peer| peer.endpoint).collect()
    })
}

impl World {
    /// Lets time pass, and looks all the while.
    pub(super) async fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            self.look();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let step = Duration::from_millis(self.rng.random_range(5..1000));
            sleep(step.min(left)).await;
        }
    }

    pub(super) fn look(&mut self) {
        for index in 0..self.hosts.len() {
            let host = &self.hosts[index];
            let seen = host.node.seen.lock().unwrap().clone();
            assert!(seen.is_empty(), "{}: {seen:?}", self.name(index));
            if host.revoked || !host.is_up() {
                continue;
            }
            let known = host.node.core().known();
            if let Err(why) = self.believes(&known).and_then(|()| host.sends()) {
                panic!("{}: {why}", self.name(index));
            }
            let seen = self.hosts[index].looks_forward(&known).and_then(|()| self.heeds(index, &known));
            if let Err(why) = seen {
                panic!("{}: {why}", self.name(index));
            }
        }
    }

    /// Whether it believes authorities of the cluster and members alone, and nothing of what the liar says.
    fn believes(&self, known: &Cluster) -> Result<(), String> {
        let mut believed = known.believed().into_iter().flat_map(|all| all.ids());
        if let Some(other) = believed.find(|id| !self.authorities.own.contains(id)) {
            return Err(format!("it believes {}, which is no authority of the cluster", other.short()));
        }
        let lie = known.nodes.iter().find(|(name, node)| {
            node.vtep == ELSEWHERE || node.advertise == ELSEWHERE || !self.members.contains(*name)
        });
        lie.map_or(Ok(()), |(name, node)| Err(format!("it believes that {name} is at {}", node.vtep)))
    }

    /// Whether it has nothing to do with those that were revoked, as soon as it knows, and never forgets them.
    fn heeds(&mut self, index: usize, known: &Cluster) -> Result<(), String> {
        let host = &self.hosts[index];
        for (id, revoked) in &mut self.revoked {
            if known.beliefs.barred.contains_key(id) {
                revoked.known.entry(index).or_insert_with(Instant::now);
            }
            let Some(since) = revoked.known.get(&index) else { continue };
            if let Some((name, _)) = known.nodes.iter().find(|(_, node)| node.id == *id) {
                return Err(format!("it believes {name}, which was revoked"));
            }
            let settled = |since: &Instant| since.elapsed() > SETTLING;
            if !host.well.as_ref().is_some_and(settled) || !settled(since) {
                continue;
            }
            if !known.beliefs.barred.contains_key(id) {
                return Err(format!("it has forgotten that {} was revoked", id.short()));
            }
            let tunnels = tunnels(&host.node).into_iter().map(|to| to.ip());
            let others = vteps(&host.node).1.into_iter().chain(tunnels);
            let sent: Vec<IpAddr> = others.filter(|other| revoked.addresses.contains(other)).collect();
            if !sent.is_empty() {
                return Err(format!("it sends to {sent:?}, which was revoked"));
            }
        }
        Ok(())
    }
}

fn numbers(known: &Cluster) -> BTreeMap<&NodeName, u64> {
    let number = |text: &str| serde_json::from_str::<NodeStatement>(text).unwrap().serial;
    let signed = known.nodes.iter().filter_map(|(name, node)| Some((name, node.signed.as_ref()?)));
    signed.map(|(name, signed)| (name, number(&signed.statement))).collect()
}

impl Host {
    /// Whether the kernel sends nothing to the liar.
    fn sends(&self) -> Result<(), String> {
        if vteps(&self.node).1.contains(&ELSEWHERE)
            || tunnels(&self.node).into_iter().any(|to| is_his(Some(to)))
        {
            return Err("it sends to the liar".to_owned());
        }
        Ok(())
    }

    /// Whether it believes no statement that is older than one that it has seen, or was told of.
    fn looks_forward(&mut self, known: &Cluster) -> Result<(), String> {
        for (name, number) in numbers(known) {
            let floor = self.floor.get(name).copied().unwrap_or_default();
            let least = self.seen.get(name).map_or(floor, |(seen, _)| floor.max(*seen));
            if number < least {
                return Err(format!("it believes number {number} of {name}, and knew of {least}"));
            }
            if self.seen.get(name).is_none_or(|(seen, _)| *seen < number) {
                self.seen.insert(name.clone(), (number, Instant::now()));
            }
        }
        // Of what was seen before that, the disk knows by now.
        for (name, (number, since)) in &self.seen {
            if since.elapsed() > WRITTEN_DOWN {
                self.floor.insert(name.clone(), *number);
            }
        }
        Ok(())
    }
}
