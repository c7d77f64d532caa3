//! What Go writes for "nothing": `null` for an empty map or list, `""` for an empty text, or no field at all.
//! All functions are for `#[serde(default, deserialize_with = …)]`.

use crate::brief::brief;
use serde::{Deserialize, Deserializer, de::Error};
use std::{fmt::Display, str::FromStr};

/// Reads `null` as the default value.
pub(crate) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads text that says something, and `""` or `null` as nothing.
pub(crate) fn if_any<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => parse(text).map(Some),
    }
}

/// Parses `text`, and repeats what cannot be parsed.
pub(crate) fn parse<T: FromStr<Err: Display>, E: Error>(text: &str) -> Result<T, E> {
    text.parse().map_err(|error| E::custom(format_args!("{:?}: {error}", brief(text))))
}
