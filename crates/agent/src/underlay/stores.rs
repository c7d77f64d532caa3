//! The addresses that the names of the store's servers resolve to, which may be other ones with each answer.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use tokio::time::Instant;

/// How long an address counts after it was told last. A name server that rotates its answers tells each again before,
/// even if it tells two of 200 a minute.
const KEPT: Duration = Duration::from_secs(6 * 3600);
/// How many addresses count at most. Each is written to the store, and every change of them is.
const MOST: usize = 16;

/// Those that were told lately.
#[derive(Debug, Default)]
pub(super) struct Stores(BTreeMap<IpAddr, Instant>);

impl Stores {
    /// Takes what was told just now; `all` if every name was. What is not told goes after a while, so that an answer that
    /// only turns about changes nothing; where there are too many, those stay that were there first.
    pub(super) fn take(&mut self, told: impl IntoIterator<Item = IpAddr>, all: bool, now: Instant) {
        let mut others = Vec::new();
        for address in told {
            match self.0.get_mut(&address) {
                Some(last) => *last = now,
                None => others.push(address),
            }
        }
        if all {
            self.0.retain(|_, last| now.duration_since(*last) < KEPT);
        }
        others.sort();
        others.dedup();
        let room = MOST.saturating_sub(self.0.len());
        self.0.extend(others.into_iter().take(room).map(|address| (address, now)));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &IpAddr> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn all(stores: &Stores) -> Vec<IpAddr> {
        stores.iter().copied().collect()
    }

    #[test]
    fn answers_that_turn_about_change_nothing_for_long() {
        for pool in [6, 200] {
            let (mut stores, began, mut changes) = (Stores::default(), Instant::now(), 0);
            for minute in 0..600_u32 {
                let before = all(&stores);
                let two = [0, 1].map(|n| address(u8::try_from((minute * 2 + n) % pool).unwrap()));
                stores.take(two, true, began + MINUTE * minute);
                changes += usize::from(all(&stores) != before);
                assert!(all(&stores).len() <= MOST);
            }
            assert!(changes <= MOST / 2, "{pool}: {changes}");
        }
    }

    #[test]
    fn what_is_not_told_any_more_goes_and_what_cannot_be_asked_stays() {
        let (mut stores, began) = (Stores::default(), Instant::now());
        stores.take([address(1)], true, began);
        stores.take([], false, began + KEPT * 2);
        assert_eq!(all(&stores), [address(1)]);
        stores.take([address(2)], true, began + KEPT * 2);
        assert_eq!(all(&stores), [address(2)]);
    }
}
