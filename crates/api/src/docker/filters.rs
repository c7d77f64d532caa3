//! Filters of lists: the query parameter `filters`.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Values asked for, by what they are of: `{"name":["web"],"label":["team=blue"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Filters(BTreeMap<String, BTreeSet<String>>);

/// Why a text is not filters.
#[derive(Debug, thiserror::Error)]
#[error("invalid filters {text:?}: expected JSON such as {{\"name\":[\"web\"]}}")]
pub struct InvalidFilters {
    text: String,
    source: serde_json::Error,
}

/// Clients before API 1.22 sent lists, later ones send maps (`api/types/filters/parse.go`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    List(BTreeSet<String>),
    Map(BTreeMap<String, bool>),
}

impl Filters {
    /// Reads filters in either form. Empty text is no filters.
    ///
    /// # Errors
    /// [`InvalidFilters`] if it is not JSON of this shape.
    pub fn parse(text: &str) -> Result<Self, InvalidFilters> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let fields: BTreeMap<String, Values> = serde_json::from_str(text)
            .map_err(|source| InvalidFilters { text: text.chars().take(200).collect(), source })?;
        let values = |values| match values {
            Values::List(list) => list,
            Values::Map(map) => {
                map.into_iter().filter(|(_, wanted)| *wanted).map(|(value, _)| value).collect()
            }
        };
        Ok(Self(fields.into_iter().map(|(field, v)| (field, values(v))).collect()))
    }

    /// The JSON that [`Filters::parse`] reads.
    pub fn to_json(&self) -> String {
        // A map of lists of text can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Adds a value.
    pub fn add(&mut self, field: impl Into<String>, value: impl Into<String>) {
        self.0.entry(field.into()).or_default().insert(value.into());
    }

    /// The values asked for of `field`.
    pub fn get(&self, field: &str) -> impl Iterator<Item = &str> {
        self.0.get(field).into_iter().flatten().map(String::as_str)
    }

    /// The fields that are asked for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_mean_the_same() {
        let list = Filters::parse(r#"{"name":["a","b"],"driver":["weft"]}"#).unwrap();
        let map = Filters::parse(r#"{"name":{"a":true,"b":true,"c":false},"driver":{"weft":true}}"#).unwrap();
        assert_eq!(list, map);
        assert_eq!(list.get("name").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Filters::parse(&list.to_json()).unwrap(), list);
    }

    #[test]
    fn nothing_is_no_filter() {
        assert!(Filters::parse("").unwrap().is_empty());
        assert!(Filters::parse("{}").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", json in r#"\{("[a-z]{0,3}":[\[{"a-z:true,\]}]{0,8}){0,3}\}"#) {
            let _ = Filters::parse(&text);
            let _ = Filters::parse(&json);
        }
    }
}
