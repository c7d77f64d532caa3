//! The connections to a store, by the addresses of this host that they come from.
//!
//! Where such an address is gone, nothing that is sent comes back, and the kernel does not report it: each call ends
//! only with its deadline. The part of the agent that knows the host's addresses reports which there are.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// What a store's clients are connected from; one for all of them.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    addresses: Arc<Mutex<Addresses>>,
    /// How often they were given up.
    given_up: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Addresses {
    /// What connections come from.
    used: BTreeSet<IpAddr>,
    /// Those that this host had when it was looked last.
    had: BTreeSet<IpAddr>,
}

impl Connections {
    /// Gives up all connections if some come from an address that is not one of `here` any more, those that this host
    /// has: what is under way on them fails at once, and what is asked from now on is asked on new ones.
    ///
    /// One that never was there says nothing: a local route makes a whole range this host's (`ip route add local`), and
    /// no interface has an address of it.
    ///
    /// Returns the addresses that are gone.
    pub fn keep_from(&self, here: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        let mut addresses = self.addresses();
        let Addresses { used, had } = &mut *addresses;
        let gone: BTreeSet<_> =
            used.iter().copied().filter(|from| had.contains(from) && !here.contains(from)).collect();
        had.clone_from(here);
        if !gone.is_empty() {
            used.clear();
            self.given_up.send_modify(|times| *times += 1);
        }
        gone
    }

    /// A connection comes from `address`. The loopback device always has what comes from it.
    pub(super) fn come_from(&self, address: IpAddr) {
        let address = address.to_canonical();
        if !address.is_loopback() {
            self.addresses().used.insert(address);
        }
    }

    /// How often they were given up so far.
    pub(super) fn times_given_up(&self) -> u64 {
        *self.given_up.borrow()
    }

    /// Tells of the next time that they are given up.
    pub(super) fn fate(&self) -> Fate {
        Fate(self.given_up.subscribe())
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        // Each change of it is whole.
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of the connections that there are when it is made.
#[derive(Debug)]
pub(super) struct Fate(watch::Receiver<u64>);

impl Fate {
    /// Waits until they are given up. Safe to cancel.
    pub(super) async fn given_up(&mut self) {
        if self.0.changed().await.is_err() {
            // The sender is gone: nothing can be given up any more.
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn an_address_that_no_interface_ever_had_is_not_gone() {
        let connections = Connections::default();
        let here = |address: &str| BTreeSet::from([address.parse::<IpAddr>().unwrap()]);
        for from in ["127.0.0.9", "192.0.2.1", "fd00::7"] {
            connections.come_from(from.parse().unwrap());
        }
        for _ in 0..3 {
            assert!(connections.keep_from(&here("192.0.2.9")).is_empty());
        }
        // An interface gets it, and loses it.
        assert!(connections.keep_from(&here("fd00::7")).is_empty());
        assert_eq!(connections.keep_from(&here("192.0.2.9")), here("fd00::7"));
        assert_eq!(connections.times_given_up(), 1);
    }

    #[test]
    fn they_are_given_up_where_an_address_of_theirs_is_gone() {
        let connections = Connections::default();
        let here =
            |addresses: &[&str]| addresses.iter().map(|a| a.parse().unwrap()).collect::<BTreeSet<IpAddr>>();
        for from in ["127.0.0.1", "::1", "::ffff:192.0.2.1"] {
            connections.come_from(from.parse().unwrap());
        }
        let mut fate = connections.fate();
        assert!(connections.keep_from(&here(&["192.0.2.1", "192.0.2.9"])).is_empty());
        assert!(fate.given_up().now_or_never().is_none());
        assert_eq!(connections.keep_from(&here(&["192.0.2.9"])), here(&["192.0.2.1"]));
        assert!(fate.given_up().now_or_never().is_some());
        assert_eq!(connections.times_given_up(), 1);
        assert!(connections.keep_from(&here(&[])).is_empty(), "new ones are not from there");
    }
}
