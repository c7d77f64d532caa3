//! `null`, which Go clients send for every empty map and list.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the default value. Together with `#[serde(default)]`, a field can also be absent.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
