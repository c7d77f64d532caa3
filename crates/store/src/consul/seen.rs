//! What the answers of Consul had, so that only what differs is looked at.

use super::wire::Pair;
use crate::{Event, Listing, Revision, StoreEntry, Update};
use std::collections::HashMap;

/// The keys that the answers had.
#[derive(Debug, Default)]
pub(super) struct Seen {
    keys: HashMap<Box<str>, Key>,
    /// The index of the last answer.
    pub(super) index: u64,
    /// The number of the answer that is being read, from 0.
    answer: u64,
}

#[derive(Debug)]
struct Key {
    /// The index it has.
    modified: u64,
    /// The last answer that had it.
    answer: u64,
}

impl Seen {
    /// Nothing but the moment from which on to watch.
    pub(super) fn since(revision: Revision) -> Self {
        Self { index: revision.0, ..Self::default() }
    }

    /// One of the keys: the one that has not changed for the longest.
    pub(super) fn oldest(&self) -> Option<String> {
        let oldest = self.keys.iter().min_by_key(|(key, at)| (at.modified, *key));
        oldest.map(|(key, _)| key.to_string())
    }

    /// Looks at a key of an answer with this index; returns it if it is not as it was in the answer before.
    pub(super) fn look(&mut self, index: u64, pair: Pair<'_>) -> Result<Option<StoreEntry>, String> {
        self.start_again_if_behind(index);
        let now = Key { modified: pair.modify_index, answer: self.answer };
        match self.keys.get_mut(&*pair.key) {
            Some(key) if key.modified == now.modified => {
                *key = now;
                return Ok(None);
            }
            Some(key) => *key = now,
            None => drop(self.keys.insert((&*pair.key).into(), now)),
        }
        pair.entry().map(Some)
    }

    /// The answer is at its end: what it said that the one before did not. The first one is told whole.
    pub(super) fn update(&mut self, index: u64, changed: Vec<StoreEntry>) -> Update {
        self.start_again_if_behind(index);
        let (revision, answer) = (Revision(index), self.answer);
        // Zero would not block.
        self.index = index.max(1);
        self.answer += 1;
        if answer == 0 {
            let mut entries = changed;
            entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            return Update::Snapshot(Listing { entries, revision });
        }
        let gone = self.keys.extract_if(|_, key| key.answer != answer);
        let mut events: Vec<Event> = gone.map(|(key, _)| Event::Delete(key.into())).collect();
        events.extend(changed.into_iter().map(Event::Put));
        Update::Events { events, revision }
    }

    /// An index that went back means that Consul starts again (a restored snapshot, say), and that the index of
    /// a key may have come to mean another value.
    fn start_again_if_behind(&mut self, index: u64) {
        if index < self.index {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    /// Keys with the index they changed at, as Consul lists them; the value says both.
    type Keys = BTreeMap<String, u64>;

    fn pair(key: &str, index: u64) -> Vec<u8> {
        let value = BASE64_STANDARD.encode(format!("{key}@{index}"));
        let pair = json!({"Key": key, "Value": value, "ModifyIndex": index, "Flags": 0});
        serde_json::to_vec(&pair).unwrap()
    }

    fn put(keys: &mut Keys, entry: &crate::StoreEntry) {
        assert_eq!(entry.value, format!("{}@{}", entry.key, entry.modified.0).as_bytes());
        keys.insert(entry.key.clone(), entry.modified.0);
    }

    /// What an answer with these keys comes to.
    fn told(seen: &mut Seen, index: u64, keys: &Keys) -> Update {
        let mut changed = Vec::new();
        for (key, modified) in keys {
            let pair = pair(key, *modified);
            changed.extend(seen.look(index, Pair::read(&pair).unwrap()).unwrap());
        }
        seen.update(index, changed)
    }

    #[test]
    fn the_first_answer_is_told_whole_and_what_stays_is_not_told_again() {
        let keys = Keys::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
        let mut seen = Seen::default();
        let first = told(&mut seen, 9, &keys);
        let Update::Snapshot(listing) = first else { panic!("{first:?}") };
        assert_eq!((listing.entries.len(), listing.revision), (2, Revision(9)));
        let update = told(&mut seen, 10, &keys);
        assert_eq!(update, Update::Events { events: Vec::new(), revision: Revision(10) });
        let restored = told(&mut seen, 3, &keys);
        let Update::Snapshot(listing) = restored else { panic!("{restored:?}") };
        assert_eq!((listing.entries.len(), listing.revision), (2, Revision(3)));
    }

    fn some_keys() -> impl Strategy<Value = Keys> {
        prop::collection::btree_map("[a-d/é]{1,3}", 1_u64..4, 0..12)
    }

    proptest! {
        #[test]
        fn who_follows_has_what_the_last_answer_has(answers in prop::collection::vec(some_keys(), 1..6)) {
            let (mut followed, mut seen) = (Keys::new(), Seen::default());
            for keys in &answers {
                let before = followed.clone();
                match told(&mut seen, 9, keys) {
                    Update::Snapshot(listing) => {
                        followed.clear();
                        listing.entries.iter().for_each(|entry| put(&mut followed, entry));
                    }
                    Update::Events { events, .. } => for event in events {
                        match event {
                            Event::Put(entry) => {
                                prop_assert_ne!(before.get(&entry.key), Some(&entry.modified.0));
                                put(&mut followed, &entry);
                            }
                            Event::Delete(key) => prop_assert!(followed.remove(&key).is_some()),
                        }
                    },
                }
                prop_assert_eq!(&followed, keys);
            }
        }
    }
}
