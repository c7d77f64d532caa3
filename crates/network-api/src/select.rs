//! Filters of lists and of prune, as the engine understands them (`daemon/network/filter.go`).

use jiff::{SignedDuration, Timestamp, civil};
use regex_lite::Regex;
use weft_api::docker::Filters;
use weft_verbs::{Error, LabelFilter, NetworkView, PruneFilter};

/// Which networks to list. Of each field, any value has to match, but of labels, all have to.
#[derive(Debug, Default)]
pub struct Select {
    names: Vec<Pattern>,
    ids: Vec<Pattern>,
    drivers: Vec<String>,
    scopes: Vec<String>,
    labels: Vec<LabelFilter>,
    /// Whether only unused ones, or only used ones.
    dangling: Option<bool>,
    /// Whether the networks that every engine has are asked for, and not those that somebody created.
    builtin_only: bool,
}

impl Select {
    /// Reads filters.
    ///
    /// # Errors
    /// Names the filter that does not exist, or has a value that is not valid.
    pub fn parse(filters: &Filters) -> Result<Self, Error> {
        let texts = |field| filters.get(field).map(str::to_owned).collect::<Vec<_>>();
        let mut select = Self::default();
        for field in filters.fields() {
            match field {
                "name" => select.names = filters.get(field).map(Pattern::new).collect(),
                "id" => select.ids = filters.get(field).map(Pattern::new).collect(),
                "driver" => select.drivers = texts(field),
                "scope" => select.scopes = texts(field),
                "label" => select.labels = filters.get(field).map(LabelFilter::parse).collect(),
                "dangling" => select.dangling = dangling(filters)?,
                "type" => select.builtin_only = builtin_only(filters)?,
                unknown => return Err(unknown_filter(unknown)),
            }
        }
        Ok(select)
    }

    /// Whether to list `view`.
    pub fn matches(&self, view: &NetworkView) -> bool {
        let id = view.id.to_string();
        let any = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        let one_of = |values: &[String], names: &[&str]| {
            values.is_empty() || values.iter().any(|value| names.contains(&value.as_str()))
        };
        any(&self.names, view.network.name.as_str())
            && any(&self.ids, &id)
            // What was created as "overlay" is looked for as that.
            && one_of(&self.drivers, &["weft", "overlay"])
            && one_of(&self.scopes, &["global", "swarm"])
            && self.labels.iter().all(|label| label.matches(&view.network.labels))
            && self.dangling.is_none_or(|dangling| view.endpoints.is_empty() == dangling)
            && !self.builtin_only
    }
}

/// A part of a name, or a regular expression for one: the engine takes both, and `^web$` is common in
/// scripts. This library's matching time is linear, so a hostile expression costs nothing.
#[derive(Debug)]
struct Pattern {
    text: String,
    regex: Option<Regex>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), regex: Regex::new(text).ok() }
    }

    fn matches(&self, name: &str) -> bool {
        self.text == name || self.regex.as_ref().is_some_and(|regex| regex.is_match(name))
    }
}

fn dangling(filters: &Filters) -> Result<Option<bool>, Error> {
    let values: Vec<_> = filters.get("dangling").collect();
    match values[..] {
        [] => Ok(None),
        ["true" | "1"] => Ok(Some(true)),
        ["false" | "0"] => Ok(Some(false)),
        _ => Err(Error::invalid("invalid filter \"dangling\": expected true or false, once")),
    }
}

fn builtin_only(filters: &Filters) -> Result<bool, Error> {
    let mut only = true;
    for value in filters.get("type") {
        match value {
            "builtin" => {}
            "custom" => only = false,
            _ => return Err(Error::invalid("invalid filter \"type\": expected custom or builtin")),
        }
    }
    Ok(only)
}

fn unknown_filter(field: &str) -> Error {
    let shown: String = field.chars().take(40).collect();
    Error::invalid(format!("invalid filter {shown:?}"))
}

/// Reads the filters of prune; `now` is what durations count back from.
///
/// # Errors
/// Names the filter that does not exist, or has a value that is not valid.
pub fn prune(filters: &Filters, now: Timestamp) -> Result<PruneFilter, Error> {
    let mut prune = PruneFilter::default();
    for field in filters.fields() {
        let labels = || filters.get(field).map(LabelFilter::parse).collect();
        match field {
            "label" => prune.labels = labels(),
            "label!" => prune.not_labels = labels(),
            "until" => {
                let values: Vec<_> = filters.get(field).collect();
                let [value] = values[..] else {
                    return Err(Error::invalid("invalid filter \"until\": give it once"));
                };
                prune.until = Some(moment(value, now)?);
            }
            unknown => return Err(unknown_filter(unknown)),
        }
    }
    Ok(prune)
}

/// Reads a time as the engine's command line takes it: a duration before now (`24h`), a time (RFC 3339), a
/// date or a time without a zone (then UTC), or seconds since 1970.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let utc = |time: civil::DateTime| time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp());
    let before = |duration| now.checked_sub::<SignedDuration>(duration).ok();
    let seconds = || Timestamp::from_second(text.split('.').next()?.parse().ok()?).ok();
    seconds()
        .or_else(|| text.parse().ok())
        .or_else(|| text.parse().ok().and_then(before))
        .or_else(|| text.parse().ok().and_then(utc))
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid(format!(
                "invalid filter \"until\": {shown:?} is no time; expected 24h or 2026-01-31T12:00:00Z"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn takes_the_times_that_the_engine_takes() {
        let until = |text| moment(text, "2026-01-02T00:00:00Z".parse().unwrap()).unwrap().to_string();
        assert_eq!(until("24h"), "2026-01-01T00:00:00Z");
        assert_eq!(until("1h30m"), "2026-01-01T22:30:00Z");
        assert_eq!(until("2026-01-01T10:00:00+01:00"), "2026-01-01T09:00:00Z");
        assert_eq!(until("2026-01-01"), "2026-01-01T00:00:00Z");
        assert_eq!(until("1767225600"), "2026-01-01T00:00:00Z");
        assert!(moment("yesterday", NOW).is_err());
    }

    proptest! {
        #[test]
        fn no_filter_panics(field in "name|id|label|label!|until|dangling|type|x", value in "\\PC{0,40}") {
            let mut filters = Filters::default();
            filters.add(field, value);
            let _ = Select::parse(&filters);
            let _ = prune(&filters, NOW);
        }
    }
}
