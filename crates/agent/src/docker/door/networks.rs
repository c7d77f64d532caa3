//! Networks, as one engine has them. Which network of the cluster each is, the task that follows the engine
//! finds out.

use super::Driver;
use crate::docker::Mapped;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use weft_docker::plugin::{self, DRIVER, NetworkRef, PluginReply};
use weft_model::{NetworkId, asks_for_encryption};
use weft_verbs::{CreateNetwork, Error, Kind, PoolRequest, refuse_unknown_options};

impl Driver {
    pub(super) async fn create_network(&self, request: plugin::CreateNetwork) -> Result<PluginReply, Error> {
        require_own_addresses(&request)?;
        let id = request.network;
        let pools: BTreeSet<IpNet> = request.pools.iter().map(|data| data.pool).collect();
        if !is_new(&self.shared.mapped(), id, &pools)? {
            return Ok(PluginReply::Done);
        }
        let network = pools.iter().find_map(|pool| self.shared.being_created(*pool));
        // A user may ask for it at the same moment, and for another.
        let network = network.filter(|network| self.is_as_asked(*network, &request.options));
        // What the cluster has was checked when it was created.
        if network.is_none() {
            self.engines.check_network(&self.to_create(request)?).await?;
        }
        let mut new = Ok(true);
        self.remember(|mapped| {
            new = is_new(mapped, id, &pools);
            if new.as_ref().is_ok_and(|new| *new) {
                mapped.insert(id, Mapped { network, pools });
            }
        })?;
        new.map(|_| PluginReply::Done)
    }

    pub(super) async fn delete_network(&self, request: NetworkRef) -> Result<PluginReply, Error> {
        let id = request.network;
        // Once more if it turned out meanwhile which network of the cluster it is.
        while let Some(known) = self.shared.mapped().remove(&id) {
            // One that is not known to be in the cluster may be on its way there, under the engine's id.
            let network = known.network.unwrap_or(id);
            self.refuse_if_kept(network)?;
            // Whether anybody uses it, on any node, is seen there.
            match self.verbs.remove_network(&network.to_string()).await {
                Err(error) if error.kind != Kind::NotFound => return Err(error),
                _ => {}
            }
            // Those of the cluster's network are not held.
            for pool in &known.pools {
                self.engines.release_pool(*pool).await?;
            }
            self.remember(|mapped| {
                if mapped.get(&id) == Some(&known) {
                    mapped.remove(&id);
                }
            })?;
        }
        Ok(PluginReply::Done)
    }

    /// Whether a network of the cluster is encrypted, if that was asked for.
    fn is_as_asked(&self, network: NetworkId, options: &BTreeMap<String, String>) -> bool {
        let known = || self.verbs.known_network(network);
        !asks_for_encryption(options) || known().is_some_and(|view| view.network.is_encrypted())
    }

    /// The network goes from the engine, and stays in the cluster.
    pub(super) fn forget_network(&self, request: NetworkRef) -> Result<PluginReply, Error> {
        self.remember(|mapped| drop(mapped.remove(&request.network)))?;
        Ok(PluginReply::Done)
    }

    /// The engine removes the network all the same, as after any answer of its driver, and gets it back.
    fn refuse_if_kept(&self, network: NetworkId) -> Result<(), Error> {
        let view = self.verbs.known_network(network);
        view.map_or(Ok(()), |view| weft_verbs::refuse_if_kept(&view.network))
    }

    fn remember(&self, change: impl FnOnce(&mut BTreeMap<NetworkId, Mapped>)) -> Result<(), Error> {
        self.shared.update(change).map_err(|error| Error::internal("the network is not remembered", error))
    }
}

/// Whether the engine has not told of this network yet.
fn is_new(
    known: &BTreeMap<NetworkId, Mapped>,
    id: NetworkId,
    pools: &BTreeSet<IpNet>,
) -> Result<bool, Error> {
    if let Some(before) = known.get(&id) {
        let same = before.pools == *pools;
        let message = || format!("network {} is there already, with other subnets", id.short());
        return if same { Ok(false) } else { Err(Error::conflict(message())) };
    }
    // The cluster's own are refused when the pool is requested.
    let waiting = known.iter().filter(|(_, mapped)| mapped.network.is_none());
    for (other, mapped) in waiting {
        if let Some(pool) = mapped.pools.intersection(pools).next() {
            let message =
                format!("subnet {pool} is that of network {}, which was created before", other.short());
            return Err(Error::conflict(message));
        }
    }
    Ok(true)
}

/// Addresses of another driver would be unique on this host only, and soon two containers had the same.
fn require_own_addresses(request: &plugin::CreateNetwork) -> Result<(), Error> {
    let foreign = request.pools.iter().any(|data| data.address_space != DRIVER);
    if foreign || request.pools.is_empty() {
        return Err(Error::invalid(
            "the addresses of a weft network are the whole cluster's: let weft hand them out, with \
             `docker network create -d weft --ipam-driver weft NAME`, or `ipam: {driver: weft}` in a compose file",
        ));
    }
    Ok(())
}

impl Driver {
    fn to_create(&self, request: plugin::CreateNetwork) -> Result<CreateNetwork, Error> {
        refuse_unknown_options(&request.options)?;
        let id = request.network;
        Ok(CreateNetwork {
            name: id.short().parse().map_err(Error::invalid)?,
            pools: request.pools.into_iter().map(|data| self.pool(data)).collect(),
            ipv4: false,
            ipv6: false,
            internal: request.internal,
            options: request.options,
            labels: BTreeMap::new(),
            id: Some(id),
        })
    }

    fn pool(&self, data: plugin::PoolData) -> PoolRequest {
        PoolRequest {
            subnet: Some(data.pool),
            gateway: data.gateway,
            ip_range: self.shared.range(data.pool),
            aux_addresses: data.aux_addresses,
        }
    }
}
