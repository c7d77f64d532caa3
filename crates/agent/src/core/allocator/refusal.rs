//! Why an address, a pool or a VNI cannot be had. Each says what is in the way, and what to do. What a caller of a verb can
//! do about it is said in one place each.

use crate::core::refusal::Taken;
use ipnet::IpNet;
use std::net::IpAddr;
use weft_ipam::{NoFreePool, NoFreeVni};
use weft_model::{InvalidSubnet, NetworkName, NodeName, Vni};
use weft_verbs::{Error, Kind};

/// Why an address cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressError {
    /// Each one that could be handed out is in use.
    #[error("no free address left in {range}: {used} are in use; remove a container")]
    Full { range: IpNet, used: usize },
    /// An endpoint has it.
    #[error("address {address} is in use{owner}")]
    InUse { address: IpAddr, owner: String },
    /// The gateway has it.
    #[error("address {address} is the gateway of subnet {pool}")]
    Gateway { address: IpAddr, pool: IpNet },
    /// It was kept for something else when the network was created.
    #[error("address {address} is reserved for {name} (aux-address)")]
    Auxiliary { address: IpAddr, name: String },
    /// The network has none at all.
    #[error("network {0} has no subnets")]
    NoSubnets(NetworkName),
    /// No endpoint of the subnet could have it.
    #[error(transparent)]
    NotAHost(#[from] InvalidSubnet),
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        let kind = match error {
            AddressError::NotAHost(_) => Kind::Invalid,
            AddressError::Full { .. }
            | AddressError::InUse { .. }
            | AddressError::Gateway { .. }
            | AddressError::Auxiliary { .. }
            | AddressError::NoSubnets(_) => Kind::Conflict,
        };
        Self::new(kind, error.to_string())
    }
}

/// Why nothing was claimed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    /// The address cannot be had.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It was not a matter of addresses.
    #[error(transparent)]
    Other(#[from] Error),
}

impl ClaimError {
    /// Whether others have what is asked for: a lost race looks the same.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Self::Address(AddressError::Full { .. } | AddressError::InUse { .. }))
    }
}

impl From<Taken> for ClaimError {
    fn from(error: Taken) -> Self {
        Self::Other(error.into())
    }
}

impl From<ClaimError> for Error {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Address(error) => error.into(),
            ClaimError::Other(error) => error,
        }
    }
}

/// Why a pool, or a VNI for it, cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    /// A network of the cluster has addresses of it.
    #[error("subnet {pool} overlaps {other} of network {network}; choose another")]
    OfNetwork { pool: IpNet, other: IpNet, network: NetworkName },
    /// An engine is about to create a network there.
    #[error("subnet {pool} overlaps {other}, of which node {node} is creating a network; choose another")]
    Reserved { pool: IpNet, other: IpNet, node: NodeName },
    /// This host is there, or sends packets there.
    #[error(
        "subnet {pool} overlaps {other}, which this host has a route to, or an address in; choose another"
    )]
    Routed { pool: IpNet, other: IpNet },
    /// Another host says that it uses it.
    #[error("subnet {pool} overlaps {other}, which node {node} uses: {what}; choose another")]
    UsedByNode { pool: IpNet, other: IpNet, node: NodeName, what: String },
    /// Another network has it since its own was removed.
    #[error(
        "the network was removed from the cluster, and its subnet {pool} is that of network {network} now: remove the \
         network, and create another"
    )]
    Passed { pool: IpNet, network: NetworkName },
    /// No pool is left to choose from.
    #[error(transparent)]
    NoneFree(#[from] NoFreePool),
    /// Another network has the VNI.
    #[error("VNI {vni} is used by network {network}; choose another")]
    VniInUse { vni: Vni, network: String },
    /// weft has it for itself.
    #[error("VNI {} is the one that weft measures the paths between hosts on; choose another", Vni::PROBES)]
    VniReserved,
    /// No VNI is left to choose from.
    #[error(transparent)]
    NoVniFree(#[from] NoFreeVni),
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::conflict(error)
    }
}
