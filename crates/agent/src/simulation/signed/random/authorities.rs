//! The authorities of a history.
//!
//! They are made once for all histories, with keys that are drawn by the machine. What a history does may depend on the order of
//! their ids, and on nothing else of them: so they are put in order, and the seed draws from that.

use super::Authority;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::BTreeSet, sync::LazyLock};
use weft_model::AuthorityId;

/// More than a history needs.
const MADE: usize = 24;

/// The certificates and the keys, PEM, in the order of their ids.
static ALL: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let mut all: Vec<_> = (0..MADE).map(|_| Authority::found(jiff::Timestamp::now()).unwrap()).collect();
    all.sort_by_key(Authority::id);
    all.iter().map(|one| (one.certificate_pem().to_owned(), one.key_pem())).collect()
});

pub(super) struct Authorities {
    left: Vec<usize>,
    stranger: usize,
    /// Those that were the cluster's.
    pub(super) own: BTreeSet<AuthorityId>,
    /// Those that were replaced: the liar has their keys.
    pub(super) replaced: Vec<Authority>,
}

impl Authorities {
    pub(super) fn new(seed: u64) -> Self {
        let mut left: Vec<usize> = (0..MADE).collect();
        left.shuffle(&mut StdRng::seed_from_u64(seed));
        Self { stranger: left.pop().unwrap(), own: BTreeSet::new(), left, replaced: Vec::new() }
    }

    /// One that nobody has seen yet.
    pub(super) fn next(&mut self) -> Authority {
        let next = made(self.left.pop().unwrap());
        self.own.insert(next.id());
        next
    }

    /// The liar's own.
    pub(super) fn stranger(&self) -> Authority {
        made(self.stranger)
    }
}

fn made(which: usize) -> Authority {
    let (certificate, key) = &ALL[which];
    Authority::from_pem(certificate, key).unwrap()
}
