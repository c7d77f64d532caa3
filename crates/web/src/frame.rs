//! What is sent: the whole, or what has changed since. Of ten thousand containers one that starts is a few hundred bytes.

use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use weft_model::Timestamp;

/// Things by their ids, each as it is sent.
pub(crate) type Items = BTreeMap<String, Box<RawValue>>;

/// A picture in parts that can be compared.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) single: BTreeMap<&'static str, Box<RawValue>>,
    pub(crate) lists: BTreeMap<&'static str, Items>,
}

/// That the agent does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Away {
    /// Since when.
    pub(crate) since: Timestamp,
    /// Why, a sentence.
    pub(crate) why: String,
}

/// How a list has changed.
#[derive(Serialize)]
struct Changed<'a> {
    set: Vec<&'a RawValue>,
    gone: Vec<&'a str>,
}

#[derive(Serialize)]
struct Whole<'a> {
    at: Timestamp,
    away: Option<&'a Away>,
    #[serde(flatten)]
    single: &'a BTreeMap<&'static str, Box<RawValue>>,
    #[serde(flatten)]
    lists: BTreeMap<&'static str, Vec<&'a RawValue>>,
}

#[derive(Serialize)]
struct Change<'a> {
    at: Timestamp,
    away: Option<&'a Away>,
    #[serde(flatten)]
    single: BTreeMap<&'static str, &'a RawValue>,
    #[serde(flatten)]
    lists: BTreeMap<&'static str, Changed<'a>>,
}

impl Parts {
    /// All of it, as a document.
    pub(crate) fn whole(&self, at: Timestamp, away: Option<&Away>) -> serde_json::Result<String> {
        let lists =
            self.lists.iter().map(|(name, items)| (*name, items.values().map(AsRef::as_ref).collect()));
        serde_json::to_string(&Whole { at, away, single: &self.single, lists: lists.collect() })
    }

    /// What is other than it was `before`, as a document.
    pub(crate) fn since(
        &self,
        before: &Self,
        at: Timestamp,
        away: Option<&Away>,
    ) -> serde_json::Result<Option<String>> {
        let is_new = |name: &str, part: &RawValue| {
            before.single.get(name).is_none_or(|before| before.get() != part.get())
        };
        let single: BTreeMap<_, &RawValue> = self
            .single
            .iter()
            .filter(|(name, part)| is_new(name, part))
            .map(|(name, part)| (*name, part.as_ref()))
            .collect();
        let none = Items::new();
        let lists: BTreeMap<_, _> = self
            .lists
            .iter()
            .filter_map(|(name, items)| {
                changed(before.lists.get(name).unwrap_or(&none), items).map(|changed| (*name, changed))
            })
            .collect();
        if single.is_empty() && lists.is_empty() {
            return Ok(None);
        }
        serde_json::to_string(&Change { at, away, single, lists }).map(Some)
    }
}

/// That nothing is known to have changed but whether the agent answers.
pub(crate) fn only(at: Timestamp, away: Option<&Away>) -> serde_json::Result<String> {
    serde_json::to_string(&Change { at, away, single: BTreeMap::new(), lists: BTreeMap::new() })
}

fn changed<'a>(before: &'a Items, now: &'a Items) -> Option<Changed<'a>> {
    let set: Vec<&RawValue> = now
        .iter()
        .filter(|(key, item)| before.get(*key).is_none_or(|before| before.get() != item.get()))
        .map(|(_, item)| item.as_ref())
        .collect();
    let gone: Vec<&str> = before.keys().filter(|key| !now.contains_key(*key)).map(String::as_str).collect();
    (!set.is_empty() || !gone.is_empty()).then_some(Changed { set, gone })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json, value::to_raw_value};

    fn parts(status: &str, nodes: &[(&str, u32)]) -> Parts {
        let node = |(name, number): &(&str, u32)| {
            ((*name).to_owned(), to_raw_value(&json!({"name": name, "number": number})).unwrap())
        };
        Parts {
            single: [("status", to_raw_value(status).unwrap())].into(),
            lists: [("nodes", nodes.iter().map(node).collect())].into(),
        }
    }

    #[test]
    fn what_changed_is_said_and_no_more() {
        let at = Timestamp::UNIX_EPOCH;
        let before = parts("well", &[("a", 1), ("b", 1), ("c", 1)]);
        assert_eq!(before.since(&before, at, None).unwrap(), None);
        let now = parts("well", &[("a", 1), ("b", 2), ("d", 1)]);
        let change: Value = serde_json::from_str(&now.since(&before, at, None).unwrap().unwrap()).unwrap();
        assert_eq!(
            change["nodes"],
            json!({"set": [{"name": "b", "number": 2}, {"name": "d", "number": 1}], "gone": ["c"]})
        );
        assert_eq!((&change["status"], &change["away"]), (&Value::Null, &Value::Null));
        let whole: Value = serde_json::from_str(&now.whole(at, None).unwrap()).unwrap();
        assert_eq!((whole["nodes"].as_array().unwrap().len(), &whole["status"]), (3, &json!("well")));
    }
}
