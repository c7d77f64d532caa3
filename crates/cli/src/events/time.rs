//! Times as people give them.

use crate::agent::Span;
use jiff::SignedDuration;
use std::str::FromStr;
use weft_model::Timestamp;

/// A time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Then.
    At(Timestamp),
    /// So long before now.
    Ago(Span),
}

impl Moment {
    /// When it is, if it is `now`.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => {
                let span = SignedDuration::try_from(span.get()).unwrap_or(SignedDuration::MAX);
                now.checked_sub(span).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse::<i64>() {
            return Timestamp::from_second(seconds).map(Self::At).map_err(|error| error.to_string());
        }
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        text.parse().map(Self::Ago).map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            format!("{shown:?} is no time: write 10m, 2h, 2026-11-30T14:02:00Z, or seconds since 1970")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_give_them() {
        let now: Timestamp = "2026-11-30T14:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.before(now).to_string());
        assert_eq!(at("10m").unwrap(), "2026-11-30T13:50:00Z");
        assert_eq!(at("1h 30m").unwrap(), "2026-11-30T12:30:00Z");
        assert_eq!(at("2026-11-29T14:02:00+01:00").unwrap(), "2026-11-29T13:02:00Z");
        assert_eq!(at("0").unwrap(), "1970-01-01T00:00:00Z");
        for mistake in ["", "soon", "-1x", "9999999999999999"] {
            assert!(at(mistake).is_err(), "{mistake}");
        }
    }
}
