//! Addresses: chosen from the view, claimed by compare-and-set together with the endpoint they are for.
//! One round trip where nobody else was after the same address; never a scan, unless the pool seems full.

use super::{
    Allocator, Error, Kind,
    lost::Lost,
    pending::{ClaimKey, PendingAddresses},
    refusal::ClaimError,
};
use crate::core::macs;
use jiff::Timestamp;
use std::net::IpAddr;
use weft_model::{
    Claim, Endpoint, EndpointId, EndpointName, Extra, Key, MacAddr, Network, NetworkId, Record,
};
use weft_state::cluster::{Cluster, Stored};
use weft_store::{CommitError, Condition, Txn};
use weft_verbs::JoinOptions;

/// An endpoint that is to join a network.
pub(in crate::core) struct NewEndpoint<'a> {
    pub(in crate::core) id: EndpointId,
    pub(in crate::core) name: &'a EndpointName,
    pub(in crate::core) container: Option<String>,
    pub(in crate::core) created: Timestamp,
    pub(in crate::core) options: &'a JoinOptions,
}

/// What is about to be claimed, and for which endpoint.
struct Claiming<'p> {
    network: Stored<Network>,
    endpoint: Endpoint,
    held: PendingAddresses<'p>,
    txn: Txn,
}

impl Allocator {
    /// Claims addresses on `network_id` and writes the endpoint, in one transaction.
    pub(in crate::core) async fn claim(
        &self,
        network_id: NetworkId,
        new: &NewEndpoint<'_>,
    ) -> Result<(Network, Endpoint), Error> {
        let mut lost = Lost::default();
        let mut attempts = self.access.attempts();
        loop {
            self.access.cluster_with_me().await?;
            let decided = self.access.decide(|cluster| self.claiming(cluster, network_id, new, &lost)).await;
            let (cluster, chosen) = match decided {
                Ok(decided) => decided,
                // Nothing is said to be taken because it was, a moment ago.
                Err(error) if error.is_taken() && lost.forget() => {
                    attempts.at_once()?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match self.access.commit(chosen.txn).await {
                Ok(()) => return Ok(((*chosen.network).clone(), chosen.endpoint)),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Conflict { keys }) => {
                    let claimed = |key: &&ClaimKey| keys.contains(&self.ledger().path(**key));
                    let addresses = chosen.held.addresses.iter().filter(claimed).map(|(_, a)| *a);
                    let learnt = lost.add(addresses, &self.env);
                    // Another claim was faster: try another address at once. Anything else: look again first.
                    if learnt { attempts.at_once()? } else { attempts.again(&cluster).await? }
                }
            }
        }
    }

    fn claiming(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        new: &NewEndpoint<'_>,
        lost: &Lost,
    ) -> Result<Claiming<'_>, ClaimError> {
        let (network, held) = self.choose(cluster, network_id, new.options, lost)?;
        let endpoint = self.endpoint(new, &held.addresses);
        macs::refuse_taken(cluster, network_id, network, endpoint.mac)?;
        let member = self.while_member(cluster, network_id, network, new.id)?;
        let txn = self.joining(member, network_id, new, &endpoint, &held);
        Ok(Claiming { network: network.clone(), endpoint, held, txn })
    }

    fn endpoint(&self, new: &NewEndpoint<'_>, addresses: &[ClaimKey]) -> Endpoint {
        let ipv4 = addresses.iter().find_map(|(_, a)| if let IpAddr::V4(a) = a { Some(*a) } else { None });
        let ipv6 = addresses.iter().find_map(|(_, a)| if let IpAddr::V6(a) = a { Some(*a) } else { None });
        let first = ipv4.map(IpAddr::V4).or(ipv6.map(IpAddr::V6));
        let derived = first.map_or_else(|| MacAddr::for_ip(IpAddr::from([0, 0, 0, 0])), MacAddr::for_ip);
        Endpoint {
            name: new.name.clone(),
            aliases: new.options.aliases.clone(),
            ipv4,
            ipv6,
            mac: new.options.mac.unwrap_or(derived),
            node: self.access.node().clone(),
            container: new.container.clone(),
            created: new.created,
            extra: Extra::new(),
        }
    }

    /// Adds an endpoint, with the addresses that are held for it, to a transaction that begins as
    /// [`while_member`](Self::while_member) says.
    fn joining(
        &self,
        member: Txn,
        network_id: NetworkId,
        new: &NewEndpoint<'_>,
        endpoint: &Endpoint,
        held: &PendingAddresses<'_>,
    ) -> Txn {
        let claim = self.own_claim(new.id);
        let key = self.access.path(&Key::Endpoint(network_id, new.id));
        let mut txn = member.put(key, endpoint.to_json(), Condition::Absent);
        for key @ (pool, address) in &held.addresses {
            txn = self.ledger().claim(txn, *key, &claim, Condition::Absent);
            // What was asked for is out of order: the others go on where they were.
            if held.in_order && !new.options.addresses().any(|asked| asked == *address) {
                txn = self.ledger().advance(txn, *pool, *address);
            }
        }
        txn
    }

    /// What is written under an address of this node's endpoint `id`.
    pub(super) fn own_claim(&self, id: EndpointId) -> Claim {
        Claim {
            node: self.access.node().clone(),
            endpoint: id,
            rebuilt: self.memory.times_dealt_with(),
            extra: Extra::new(),
        }
    }

    /// The start of a transaction that takes addresses on `network` for this node's endpoint `id`. A network that is
    /// being removed, or a node that was given up, has changed.
    pub(super) fn while_member(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        network: &Stored<Network>,
        id: EndpointId,
    ) -> Result<Txn, Error> {
        let node = self.access.node();
        let me = self.access.registration(cluster).ok_or_else(|| {
            let message = format!("node {node} has not joined the cluster yet; try again in a moment");
            Error::new(Kind::Unavailable, message)
        })?;
        let txn = Txn::new()
            .check(self.access.path(&network.key(network_id)), Condition::Unchanged(network.modified))
            .check(self.access.path(&Key::Node(node.clone())), Condition::Unchanged(me.modified));
        Ok(self.ledger().note_latest(txn, node, id))
    }
}
