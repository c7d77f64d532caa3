//! How many connections there are from each address: none takes the places of all others.

use super::failures::network;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Those that are open, by the address that they came from.
#[derive(Debug)]
pub(crate) struct Visitors {
    open: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    /// From one address at a time.
    at_once: usize,
}

/// A place for one connection, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    visitors: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    from: IpAddr,
}

impl Visitors {
    /// So many connections from one address at a time.
    pub(crate) fn at_once(at_once: usize) -> Self {
        Self { open: Arc::default(), at_once }
    }

    /// A place, if there is one more for this address.
    pub(crate) fn enter(&self, from: IpAddr) -> Option<Place> {
        let from = network(from);
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = all.entry(from).or_default();
        if *open >= self.at_once {
            return None;
        }
        *open += 1;
        Some(Place { visitors: Arc::clone(&self.open), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = all.get_mut(&self.from) {
            *open -= 1;
            if *open == 0 {
                all.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_four_places_and_gets_them_back() {
        let visitors = Visitors::at_once(4);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let places: Vec<_> = (0..4).map(|_| visitors.enter(one).unwrap()).collect();
        assert!(visitors.enter(one).is_none() && visitors.enter(other).is_some());
        drop(places);
        assert!(visitors.enter(one).is_some());
        assert!(visitors.open.lock().unwrap().is_empty());
    }
}
