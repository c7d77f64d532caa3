//! Races. For addresses, all nodes try the same next address of a pool; one gets it. The others go on from random
//! places, or they would be at the same one again, and again: fifty nodes would need fifty rounds for the next fifty
//! addresses.

use rand::RngExt;
use std::{collections::BTreeSet, net::IpAddr};
use weft_ipam::random_place;
use weft_model::Subnet;
use weft_state::env::Env;

/// What one request has lost to other nodes so far.
#[derive(Default)]
pub(super) struct Lost {
    /// Addresses that another node turned out to be faster at, since the view.
    addresses: BTreeSet<IpAddr>,
    /// Where to go on.
    elsewhere: Option<u32>,
}

impl Lost {
    /// Notes a race that was lost, for all of `addresses`; whether any of them is news.
    pub(super) fn add(&mut self, addresses: impl IntoIterator<Item = IpAddr>, env: &Env) -> bool {
        let before = self.addresses.len();
        self.addresses.extend(addresses);
        let learnt = self.addresses.len() > before;
        if learnt {
            self.elsewhere = Some(env.random(|rng| rng.random()));
        }
        learnt
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Forgets the races, for a caller that finds nothing free beside them: a view that is up to date shows what
    /// other nodes got, and some of it may be free again. Returns whether there were any.
    pub(super) fn forget(&mut self) -> bool {
        !std::mem::take(&mut self.addresses).is_empty()
    }

    /// The address of `subnet` to go on from, which counts as the one handed out last would; `None`: in order.
    pub(super) fn place_in(&self, subnet: &Subnet) -> Option<IpAddr> {
        self.elsewhere.map(|chance| random_place(subnet, chance))
    }

    /// Whether addresses are still chosen in order: the next one for others follows then.
    pub(super) fn none_yet(&self) -> bool {
        self.elsewhere.is_none()
    }
}
