//! How large a packet gets to the others, held for a while where it changes.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use weft_model::NodeId;

/// For how long more must have passed before this host says so: its record, which all hosts read, does not swing with a path.
const STEADY: Duration = Duration::from_secs(60);

/// The least that passed of late on each path, if that is less than what the devices at its ends carry.
#[derive(Debug, Default)]
pub(super) struct Between(BTreeMap<NodeId, Held>);

#[derive(Debug, Clone, Copy)]
struct Held {
    passes: u32,
    /// When that was so last.
    seen: Instant,
}

/// What one path carries, in bytes of the hosts' network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    /// What passes both ways, where that is known.
    pub(super) passes: Option<u32>,
    /// What the devices at its ends carry.
    pub(super) full: u32,
}

impl Between {
    /// Whether there is anything to follow, where no path is narrow.
    pub(super) fn holds(&self) -> bool {
        !self.0.is_empty()
    }

    /// Takes what passes now, and says what holds: less at once, more when it has passed for a while. Where the devices
    /// themselves carry no more, nothing is in between: it was measured before it was known that they do not.
    pub(super) fn follow(&mut self, paths: &BTreeMap<NodeId, Carried>, now: Instant) -> Option<u32> {
        self.0.retain(|id, held| {
            let is_new = now.saturating_duration_since(held.seen) < STEADY;
            is_new && paths.get(id).is_none_or(|path| held.passes < path.full)
        });
        for (id, path) in paths {
            let Some(passes) = path.passes.filter(|passes| *passes < path.full) else { continue };
            let held = self.0.entry(*id).or_insert(Held { passes, seen: now });
            if passes <= held.passes {
                *held = Held { passes, seen: now };
            }
        }
        self.0.values().map(|held| held.passes).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        format!("{number:064x}").parse().unwrap()
    }

    /// What holds, second by second, of one path of which this passes, between devices that carry that.
    fn follow() -> impl FnMut(u64, Option<u32>, u32) -> Option<u32> {
        let (mut between, start) = (Between::default(), Instant::now());
        move |seconds, passes, full| {
            let paths = BTreeMap::from([(id(1), Carried { passes, full })]);
            between.follow(&paths, start + Duration::from_secs(seconds))
        }
    }

    #[test]
    fn less_at_once_and_more_after_a_while() {
        let mut at = follow();
        assert_eq!(at(0, None, 1500), None);
        assert_eq!(at(1, Some(1400), 1500), Some(1400));
        // It swings, all the time.
        for second in 2..100 {
            assert_eq!(at(second, (second % 2 == 1).then_some(1400), 1500), Some(1400));
        }
        assert_eq!(at(101, Some(1300), 1500), Some(1300));
        assert_eq!(at(102, Some(1500), 1500), Some(1300));
        assert_eq!(at(160, Some(1400), 1500), Some(1300));
        assert_eq!(at(161, Some(1400), 1500), Some(1400));
        assert_eq!(at(162, None, 1500), Some(1400));
        assert_eq!(at(221, None, 1500), None);
    }

    #[test]
    fn what_the_devices_do_not_carry_is_not_in_between() {
        let mut at = follow();
        assert_eq!(
            at(0, Some(1304), 1500),
            Some(1304),
            "the other host has not yet said that its device carries less"
        );
        assert_eq!(at(1, Some(1300), 1300), None);
        assert_eq!(at(2, None, 1500), None, "and not when it carries more again");
    }

    #[test]
    fn the_least_of_all_paths_holds() {
        let (mut between, now) = (Between::default(), Instant::now());
        let path = |passes, full| Carried { passes: Some(passes), full };
        let ids = [1, 2].map(id);
        let mut paths = BTreeMap::from([(ids[0], path(1400, 1500)), (ids[1], path(1300, 1500))]);
        assert_eq!(between.follow(&paths, now), Some(1300));
        paths.remove(&ids[1]);
        assert_eq!(between.follow(&paths, now + STEADY / 2), Some(1300), "it may be back in a moment");
        assert_eq!(between.follow(&paths, now + STEADY), Some(1400));
    }
}
