//! Which addresses were asked for, when, and what was answered: read afterwards for addresses that two had at once,
//! that got lost, and that nobody has.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Every allocation, as its owners saw it. Clones are the same history.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Vec<Record>>>);

/// An allocation in a [`History`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(usize);

/// One allocation.
#[derive(Debug, Clone)]
struct Record {
    /// The host that was asked.
    host: String,
    /// The endpoint's name, which is used for nothing else.
    name: String,
    /// What was granted, and from when on it was known to be.
    granted: Option<(Ipv4Addr, Instant)>,
    /// From when on it may belong to another: asked to be released, given up, or never granted.
    until: Option<Instant>,
    /// Whether it must be gone in the end.
    gone: bool,
    /// What should never have been answered.
    wrong: Option<String>,
}

/// An address in the store, with the host and the endpoint it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimed {
    /// The host.
    pub host: String,
    /// The endpoint's name.
    pub name: String,
    /// The address.
    pub address: Ipv4Addr,
}

/// What a history and a store show to be wrong, a sentence each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Addresses that two owned at once.
    pub duplicates: Vec<String>,
    /// Addresses that were granted, never let go, and are not their owner's any more.
    pub lost: Vec<String>,
    /// Addresses that are claimed for nobody.
    pub left_over: Vec<String>,
}

impl History {
    /// An address is asked for. Unless something else is said later, it may have been granted.
    #[must_use]
    pub fn ask(&self, host: &str, name: &str) -> Ticket {
        let mut records = self.lock();
        let (host, name) = (host.to_owned(), name.to_owned());
        records.push(Record { host, name, granted: None, until: None, gone: false, wrong: None });
        Ticket(records.len() - 1)
    }

    /// It was granted. Asked for again, the answer must be the same.
    pub fn granted(&self, ticket: Ticket, address: Ipv4Addr) {
        let record = &mut self.lock()[ticket.0];
        match record.granted {
            None => record.granted = Some((address, Instant::now())),
            Some((before, _)) if before != address => {
                record.wrong = Some(format!("{} had {before}, and was told {address} later", record.name));
            }
            Some(_) => {}
        }
    }

    /// It was refused: nothing was granted, and nothing may be left of it.
    pub fn refused(&self, ticket: Ticket) {
        self.lock()[ticket.0].end(true);
    }

    /// Its release is asked for: from now on another may be granted it.
    pub fn letting_go(&self, ticket: Ticket) {
        self.lock()[ticket.0].end(false);
    }

    /// As [`letting_go`](Self::letting_go), of what `host` has as `name`.
    pub fn letting_go_of(&self, host: &str, name: &str) {
        let is_it = |record: &&mut Record| record.host == host && record.name == name;
        self.lock().iter_mut().filter(is_it).for_each(|record| record.end(false));
    }

    /// The address was released, or its endpoint is gone: nothing may be left of it in the end.
    pub fn gone(&self, ticket: Ticket) {
        self.lock()[ticket.0].end(true);
    }

    /// A host loses everything it has: it was given up.
    pub fn given_up(&self, host: &str) {
        self.lock().iter_mut().filter(|record| record.host == host).for_each(|record| record.end(false));
    }

    /// A host has nothing any more of what it had, and nothing may be left of it in the end.
    pub fn gone_with(&self, host: &str) {
        self.lock().iter_mut().filter(|record| record.host == host).for_each(|record| record.end(true));
    }

    /// How many were granted.
    pub fn grants(&self) -> usize {
        self.lock().iter().filter(|record| record.granted.is_some()).count()
    }

    /// Judges it against what the store has in the end, when nothing is under way any more.
    pub fn judge(&self, stored: &[Claimed]) -> Verdict {
        let records = self.lock();
        let stored: BTreeSet<&Claimed> = stored.iter().collect();
        let lost = records.iter().filter_map(|record| record.lost(&stored));
        let owned = |claimed: &&&Claimed| records.iter().any(|record| record.may_have(claimed));
        let left_over = stored.iter().filter(|claimed| !owned(claimed));
        Verdict {
            duplicates: duplicates(&records),
            lost: records.iter().filter_map(|record| record.wrong.clone()).chain(lost).collect(),
            left_over: left_over.map(|one| format!("{one:?} belongs to nobody")).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn end(&mut self, gone: bool) {
        self.until.get_or_insert_with(Instant::now);
        self.gone |= gone;
    }

    /// Whether both owned one address for a time.
    fn overlaps(&self, other: &Self) -> bool {
        let (Some((one, from)), Some((another, other_from))) = (self.granted, other.granted) else {
            return false;
        };
        let before = |end: Option<Instant>, start: Instant| end.is_some_and(|end| end <= start);
        one == another && !before(self.until, other_from) && !before(other.until, from)
    }

    fn lost(&self, stored: &BTreeSet<&Claimed>) -> Option<String> {
        let (address, _) = self.granted.filter(|_| self.until.is_none())?;
        let claimed = Claimed { host: self.host.clone(), name: self.name.clone(), address };
        (!stored.contains(&claimed)).then(|| format!("{claimed:?} was granted, and is not in the store"))
    }

    /// Whether what is in the store may be this: granted, or possibly so.
    fn may_have(&self, claimed: &Claimed) -> bool {
        let same = self.granted.is_none_or(|(address, _)| address == claimed.address);
        !self.gone && same && self.host == claimed.host && self.name == claimed.name
    }
}

fn duplicates(records: &[Record]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, one) in records.iter().enumerate() {
        for other in records[index + 1..].iter().filter(|other| one.overlaps(other)) {
            let address = one.granted.map(|(address, _)| address).unwrap_or(Ipv4Addr::UNSPECIFIED);
            let owner = |record: &Record| format!("{} of {}", record.name, record.host);
            found.push(format!("{address} belonged to {} and to {} at once", owner(one), owner(other)));
        }
    }
    found
}

#[cfg(test)]
mod tests;
