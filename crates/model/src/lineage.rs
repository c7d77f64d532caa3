use crate::{
    Extra, Record,
    record::{HIGHEST_COUNT, a_count},
};
use serde::{Deserialize, Deserializer, Serialize};

/// How many states a lineage tells of.
const LONGEST: usize = 64;

/// The state that the set of networks and their pools is in: the value of [`Key::Lineage`](crate::Key::Lineage).
///
/// Every transaction that takes a pool (for a network, or to hold it), removes a network or gives up a node changes the
/// lineage by compare-and-set, and so has seen every pool that existed: two at once cannot take overlapping pools. And a
/// node that knows a lineage can tell from the next one whether the store has been through that state: if not, the store
/// was wiped, or restored from a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// How many states there were so far.
    #[serde(deserialize_with = "a_count")]
    pub created: u64,
    /// The latest of them, the last being this one: a random number for each. None if they were only counted.
    #[serde(
        default,
        rename = "lineage",
        deserialize_with = "the_latest",
        skip_serializing_if = "Vec::is_empty"
    )]
    states: Vec<u32>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Lineage {
    /// The state after this one, by the name of `state`: a random number.
    #[must_use]
    pub fn next(mut self, state: u32) -> Self {
        self.enter(state);
        self
    }

    /// Whether the store was in the state `known`, and has all of it but for what was removed since. Of a state that
    /// is more than 64 changes old this can only be guessed.
    pub fn includes(&self, known: &Self) -> bool {
        let has = |state: &u32| self.states.contains(state);
        let ahead = self.created.checked_sub(known.created);
        ahead.is_some_and(|ahead| match known.states.last() {
            None => true,
            // Each state counts: it can only have been forgotten after as many others, and with those before it.
            Some(state) => has(state) || ahead >= LONGEST as u64 && !known.states.iter().any(has),
        })
    }

    /// The state in which a store has, beside what it has now, all that it had in the state `known`.
    #[must_use]
    pub fn including(mut self, known: &Self) -> Self {
        self.created = self.created.max(known.created);
        for state in &known.states {
            if !self.states.contains(state) {
                self.enter(*state);
            }
        }
        self
    }

    fn enter(&mut self, state: u32) {
        self.created = self.created.saturating_add(1).min(HIGHEST_COUNT);
        self.states.push(state);
        forget_the_oldest(&mut self.states);
    }
}

impl Record for Lineage {
    const WHAT: &'static str = "epoch";
}

fn the_latest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let mut states = Vec::deserialize(deserializer)?;
    forget_the_oldest(&mut states);
    Ok(states)
}

fn forget_the_oldest(states: &mut Vec<u32>) {
    states.drain(..states.len().saturating_sub(LONGEST));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(states: impl IntoIterator<Item = u32>) -> Lineage {
        states.into_iter().fold(Lineage::default(), Lineage::next)
    }

    #[test]
    fn an_epoch_includes_those_before_it() {
        for (now, before) in [(0, 0), (1, 0), (5, 1), (64, 1), (65, 1), (1000, 1), (1000, 999)] {
            assert!(after(0..now).includes(&after(0..before)), "{now} after {before}");
        }
    }

    #[test]
    fn it_does_not_include_what_it_was_not_in() {
        let known = after(0..5);
        assert!(!Lineage::default().includes(&known), "wiped");
        assert!(!after(0..4).includes(&known), "brought back");
        assert!(!after(100..105).includes(&known), "wiped, and as much was created");
        assert!(!after((0..4).chain(200..230)).includes(&known), "brought back, and more was created");
        let full = after(0..1000);
        assert!(!after(0..999).includes(&full));
        assert!(!after((0..999).chain([5000, 5001])).includes(&full));
    }

    #[test]
    fn what_was_put_back_is_included() {
        let (known, older) = (after(0..7), after(0..3));
        for now in [Lineage::default(), after(0..2), after(100..120), after(100..170)] {
            let now = now.including(&known);
            assert!(now.includes(&known) && now.includes(&older), "{now:?}");
            assert!(now.clone().next(9999).includes(&now));
        }
    }

    #[test]
    fn what_somebody_else_saw_is_not_included_for_that() {
        // One was away for the last change; it alone put everything back.
        let (all, but_one) = (after(0..101), after(0..100));
        let now = Lineage::default().next(5000).including(&but_one).next(5001);
        assert!(now.includes(&but_one) && !now.includes(&all));
    }

    #[test]
    fn there_is_always_a_next_one() {
        let highest = Lineage { created: HIGHEST_COUNT, ..after(0..3) };
        let next = highest.clone().next(7);
        assert!(next.includes(&highest) && Lineage::from_json(&next.to_json()).is_ok());
        assert!(Lineage::from_json(&next.including(&after(10..20)).to_json()).is_ok());
    }

    #[test]
    fn earlier_versions_only_counted() {
        let counted = |created| Lineage { created, ..Lineage::default() };
        assert!(counted(5).includes(&counted(5)) && !counted(4).includes(&counted(5)));
        assert!(counted(4).next(1).includes(&counted(5)));
        assert!(!counted(5).includes(&after(0..3)), "it carried them along");
        let counted_on = Lineage { created: 6, ..after(0..5) };
        assert!(counted_on.includes(&after(0..5)) && !after(0..5).includes(&counted_on));
    }

    #[test]
    fn only_the_latest_are_kept() {
        let long: Vec<u32> = (0..1000).collect();
        let read =
            Lineage::from_json(format!("{{\"created\":1000,\"lineage\":{long:?}}}").as_bytes()).unwrap();
        assert_eq!(read, after(0..1000));
        assert!(read.to_json().len() < 1000);
    }
}
