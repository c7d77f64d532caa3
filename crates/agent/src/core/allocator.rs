//! The ledger of addresses: the owner of each subnet and address, and which come next. Every write under the
//! store's keys `ipam/`, `holds/` and `cursors/` is made up here.

mod address_reservations;
mod choosing;
mod claims;
mod giving_back;
mod ledger;
mod lost;
mod pending;
mod pool_reservations;
mod pools;
mod refusal;
mod taking;

pub(super) use claims::NewEndpoint;
pub(super) use ledger::{Ledger, is_leftover, keeper};
pub(super) use pending::ClaimKey;

use super::access::ClusterAccess;
use super::parts::CoreParts;
use crate::{config::AgentConfig, host::Host};
use address_reservations::AddressReservations;
use ipnet::IpNet;
use pending::{InTheMaking, Pending};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use weft_model::{Claim, EndpointId};
use weft_state::{env::Env, journal::Journal, memory::Memory};
use weft_verbs::{Error, Kind};

/// Claims addresses and pools for this node, and gives them back.
pub(crate) struct Allocator {
    access: Arc<ClusterAccess>,
    config: Arc<AgentConfig>,
    env: Arc<Env>,
    host: Arc<dyn Host>,
    journal: Arc<Journal>,
    memory: Arc<Memory>,
    pending: Pending,
    reserved: AddressReservations,
    /// Pools of an engine's networks that stand for others: held as long as the engine has them.
    lent: Mutex<BTreeSet<IpNet>>,
}

impl Allocator {
    pub(super) fn new(parts: &CoreParts) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            config: Arc::clone(&parts.config),
            env: Arc::clone(&parts.env),
            host: Arc::clone(&parts.host),
            journal: Arc::clone(&parts.journal),
            memory: Arc::clone(&parts.memory),
            pending: Pending::default(),
            reserved: AddressReservations::default(),
            lent: Mutex::default(),
        }
    }

    /// The keys of the ledger.
    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(self.access.keyspace())
    }

    /// Says that the endpoint `id` is being made, and is no leftover, until this is dropped.
    pub(super) fn make(&self, id: EndpointId) -> InTheMaking<'_> {
        self.pending.make(id)
    }

    /// Whether `id` is being made.
    pub(super) fn is_in_the_making(&self, id: &EndpointId) -> bool {
        self.pending.is_in_the_making(id)
    }

    /// Whether `id` is being made, or an address is reserved for it.
    pub(super) fn expects(&self, id: &EndpointId) -> bool {
        self.pending.is_in_the_making(id) || self.reserved.is_for(id)
    }

    /// Whether `claim` is for an endpoint that this node once had, and not for one to come.
    fn is_left_over(&self, claim: &Claim) -> bool {
        // In this order: what is not expected any more is in the journal by then.
        !self.expects(&claim.endpoint) && is_leftover(claim, self.access.node(), &self.journal.endpoints())
    }
}
