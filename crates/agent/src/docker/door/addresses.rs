//! Pools and addresses.

use super::Driver;
use ipnet::IpNet;
use std::{net::IpAddr, time::Duration};
use weft_docker::plugin::{
    DRIVER, PluginReply, PoolId, ReleaseAddress, ReleasePool, RequestAddress, RequestPool,
};
use weft_model::Subnet;
use weft_verbs::{Error, Kind};

/// How often to look which network of the cluster one of the engine is.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Driver {
    pub(super) async fn request_pool(&self, request: RequestPool) -> Result<PluginReply, Error> {
        let pool = request.pool.filter(|pool| !is_any(*pool));
        check(&request, pool)?;
        if let Some(pool) = pool.filter(|pool| self.shared.being_created(*pool).is_some()) {
            return Ok(PluginReply::Pool(PoolId(pool)));
        }
        let pool = self.engines.reserve_pool(pool, request.v6).await?;
        self.shared.set_range(pool, request.sub_pool);
        Ok(PluginReply::Pool(PoolId(pool)))
    }

    pub(super) async fn release_pool(&self, request: ReleasePool) -> Result<PluginReply, Error> {
        let PoolId(pool) = request.pool;
        // The engine gives back the pools of a network first, and deletes it then: with that, they are let go.
        // Until then this may be about another network, which was refused since this one has the pool.
        if !self.shared.has_pool(pool) {
            self.shared.set_range(pool, None);
            self.engines.release_pool(pool).await?;
        }
        Ok(PluginReply::Done)
    }

    /// An address that is not for an endpoint is not claimed: the network's record says what it is for. If an endpoint
    /// gets it after all, it is claimed when that joins.
    pub(super) async fn request_address(&self, request: RequestAddress) -> Result<PluginReply, Error> {
        let PoolId(pool) = request.pool;
        if let Some(address) = request.address
            && !pool.contains(&address)
        {
            return Err(Error::invalid(format!("address {address} is not in subnet {pool}")));
        }
        if request.is_gateway() {
            let gateway = request.address.unwrap_or_else(|| Subnet::default_gateway(pool));
            return Ok(PluginReply::Address(with_prefix(gateway, pool)));
        }
        match request.address {
            // The auxiliary addresses of a network are asked for before the network is created.
            Some(address) if !self.shared.has_pool(pool) => {
                Ok(PluginReply::Address(with_prefix(address, pool)))
            }
            wanted => match self.grant(pool, wanted).await {
                // The reason that lasts, where there is one.
                Err(error) => Err(self.shared.refusal(pool).map_or(error, Error::conflict)),
                reserved => reserved.map(PluginReply::Address),
            },
        }
    }

    /// Engines go on to a network's next pool when their own IPAM driver says that one is full, but not when another
    /// driver says so. They take any address they are given, so the other pools are tried here.
    async fn grant(&self, pool: IpNet, wanted: Option<IpAddr>) -> Result<IpNet, Error> {
        if let Some(why) = self.shared.refusal(pool) {
            return Err(Error::conflict(why));
        }
        let full = tokio::select! {
            biased;
            () = self.stands_for_another(pool) => {
                Error::conflict(format!("the network of subnet {pool} stands for another, which has no such address"))
            }
            reserved = self.engines.reserve_address(pool, wanted) => match reserved {
                Err(error) if error.kind == Kind::Conflict && wanted.is_none() => error,
                result => return result,
            },
        };
        for other in self.shared.pools_beside(pool) {
            if wanted.is_none_or(|wanted| other.contains(&wanted))
                && let Ok(address) = self.engines.reserve_address(other, wanted).await
            {
                return Ok(address);
            }
        }
        Err(full)
    }

    /// Waits until `pool` is known to be that of a network which was created while another host created one of its
    /// name: the network is the other's, and so are the addresses.
    async fn stands_for_another(&self, pool: IpNet) {
        let is_ours = |pool: IpNet| self.engines.network_with(pool).is_some();
        while is_ours(pool) || !self.shared.pools_beside(pool).into_iter().any(is_ours) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub(super) async fn release_address(&self, request: ReleaseAddress) -> Result<PluginReply, Error> {
        let (PoolId(pool), address) = (request.pool, request.address);
        let beside = || self.shared.pools_beside(pool).into_iter().find(|other| other.contains(&address));
        let pool = if pool.contains(&address) { pool } else { beside().unwrap_or(pool) };
        self.engines.release_address(pool, address).await?;
        Ok(PluginReply::Done)
    }
}

/// `0.0.0.0/0` and `::/0`, which mean any pool to engines, too.
fn is_any(pool: IpNet) -> bool {
    pool.prefix_len() == 0 && pool.addr().is_unspecified()
}

fn check(request: &RequestPool, pool: Option<IpNet>) -> Result<(), Error> {
    if !matches!(request.address_space.as_str(), "" | DRIVER) {
        let space: String = request.address_space.chars().take(80).collect();
        return Err(Error::invalid(format!("weft has no address space {space:?}, only {DRIVER:?}")));
    }
    let Some(pool) = pool else {
        return match request.sub_pool {
            Some(range) => {
                Err(Error::invalid(format!("ip-range {range} needs the subnet it lies in: add --subnet")))
            }
            None => Ok(()),
        };
    };
    if pool.addr().is_ipv6() != request.v6 {
        let family = if request.v6 { "IPv6" } else { "IPv4" };
        return Err(Error::invalid(format!("subnet {pool} is not one of {family}")));
    }
    match request.sub_pool.filter(|range| !pool.contains(range)) {
        Some(range) => Err(Error::invalid(format!("ip-range {range} is not in subnet {pool}"))),
        None => Ok(()),
    }
}

fn with_prefix(address: IpAddr, pool: IpNet) -> IpNet {
    // A prefix length taken from a pool of the same family is always in range.
    IpNet::new(address, pool.prefix_len()).unwrap_or_else(|_| address.into())
}
