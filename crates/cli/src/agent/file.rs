//! The configuration file.

use super::settings::Settings;
use anyhow::Context;
use serde::{Deserialize, Deserializer, de::Error};
use std::{collections::BTreeMap, fmt::Display, io::ErrorKind, path::Path, str::FromStr};

/// Where it is, if it is there.
pub(crate) const DEFAULT: &str = "/etc/weft/weft.toml";

/// Reads the file at `path`, which must exist, or the default one, which need not.
///
/// # Errors
/// Names the file, the line, and the key that does not exist or cannot have this value.
pub(super) fn read(path: Option<&Path>) -> anyhow::Result<Settings> {
    let at = path.unwrap_or(Path::new(DEFAULT));
    let text = match std::fs::read_to_string(at) {
        Err(error) if path.is_none() && error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
        text => text.with_context(|| format!("cannot read {}", at.display()))?,
    };
    parse(&text).with_context(|| format!("{} is not valid", at.display()))
}

/// Reads the text of such a file.
pub(super) fn parse(text: &str) -> Result<Settings, toml::de::Error> {
    toml::from_str(text)
}

/// A value that flags and file write as the same text.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

/// A port: not 0.
pub(super) fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(deserializer)? {
        0 => Err(D::Error::custom("0 is not a port")),
        port => Ok(Some(port)),
    }
}

/// Where something is that has a usual place: `true` for that, or a path; `false` for nowhere.
pub(super) fn place<'de, D, T>(usual: &str, deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "true, false or a path")]
    enum Place {
        Usual(bool),
        At(String),
    }
    let text = match Place::deserialize(deserializer)? {
        Place::Usual(false) => return Ok(None),
        Place::Usual(true) => usual.to_owned(),
        Place::At(text) => text,
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

/// A text, or a list of texts.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    };
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

/// A table of texts, as the `key=value` that flags take.
pub(super) fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let table = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
    let pair = |(key, value)| match value {
        toml::Value::String(text) => Ok(format!("{key}={text}")),
        toml::Value::Integer(number) => Ok(format!("{key}={number}")),
        // Its name would be read as `kv.path` only by accident: TOML makes a table of `kv.path = "x"`.
        toml::Value::Table(inner) => Err(D::Error::custom(format!(
            "write {:?} in quotes, as \"{key}.{}\" = …",
            key,
            inner.keys().next().map_or("…", String::as_str)
        ))),
        _ => Err(D::Error::custom(format!("the value of {key:?} must be a text"))),
    };
    table.into_iter().map(pair).collect()
}
