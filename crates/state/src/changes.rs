//! What is different between two moments of a map. It costs as much as there is between them, where they share the rest.

use imbl::{OrdMap, ordmap::DiffItem};

/// What became of one key.
#[derive(Debug)]
pub struct KeyChange<'c, K, V> {
    /// The key.
    pub key: &'c K,
    /// What it had before; absent if it is new.
    pub old: Option<&'c V>,
    /// What it has now; absent if it is gone.
    pub new: Option<&'c V>,
}

/// The keys that have another value `now` than `before`, in order.
pub fn changes<'c, K: Ord, V: PartialEq>(
    before: &'c OrdMap<K, V>,
    now: &'c OrdMap<K, V>,
) -> impl Iterator<Item = KeyChange<'c, K, V>> {
    before.diff(now).map(|item| match item {
        DiffItem::Add(key, new) => KeyChange { key, old: None, new: Some(new) },
        DiffItem::Remove(key, old) => KeyChange { key, old: Some(old), new: None },
        DiffItem::Update { old: (_, old), new: (key, new) } => {
            KeyChange { key, old: Some(old), new: Some(new) }
        }
    })
}

/// The same for maps in a map.
pub(crate) fn nested_changes<'c, O: Ord, K: Ord, V: PartialEq>(
    before: &'c OrdMap<O, OrdMap<K, V>>,
    now: &'c OrdMap<O, OrdMap<K, V>>,
) -> impl Iterator<Item = (&'c O, KeyChange<'c, K, V>)> {
    changes(before, now).flat_map(|KeyChange { key: outer, old, new }| {
        let both = old.zip(new).into_iter().flat_map(|(old, new)| changes(old, new));
        let gone = old.filter(|_| new.is_none()).into_iter().flatten();
        let gone = gone.map(|(key, old)| KeyChange { key, old: Some(old), new: None });
        let added = new.filter(|_| old.is_none()).into_iter().flatten();
        let added = added.map(|(key, new)| KeyChange { key, old: None, new: Some(new) });
        both.chain(gone).chain(added).map(move |change| (outer, change))
    })
}
