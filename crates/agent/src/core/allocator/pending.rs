//! What is being claimed on this node, and the store does not show yet.

use ipnet::IpNet;
use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};
use weft_model::EndpointId;

/// An address of a pool.
pub(in crate::core) type ClaimKey = (IpNet, IpAddr);

/// What is being claimed on this node right now: addresses that no other request should try, and endpoints
/// that nobody should take for leftovers.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) addresses: Mutex<HashSet<ClaimKey>>,
    endpoints: Mutex<HashSet<EndpointId>>,
}

/// Addresses kept from other requests of this node until dropped.
pub(super) struct PendingAddresses<'p> {
    pub(super) pending: &'p Pending,
    pub(super) addresses: Vec<ClaimKey>,
    /// Whether the next ones follow these.
    pub(super) in_order: bool,
}

impl Drop for PendingAddresses<'_> {
    fn drop(&mut self) {
        let mut all = self.pending.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        for held in &self.addresses {
            all.remove(held);
        }
    }
}

/// An endpoint that is being made: not a leftover until dropped.
pub(in crate::core) struct InTheMaking<'p> {
    pending: &'p Pending,
    id: EndpointId,
}

impl Drop for InTheMaking<'_> {
    fn drop(&mut self) {
        self.pending.endpoints.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Pending {
    /// Says that `id` is being made.
    pub(super) fn make(&self, id: EndpointId) -> InTheMaking<'_> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        InTheMaking { pending: self, id }
    }

    /// Whether `id` is being made.
    pub(super) fn is_in_the_making(&self, id: &EndpointId) -> bool {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}
