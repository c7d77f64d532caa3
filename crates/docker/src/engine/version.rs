//! Versions of the API.

use std::{fmt, str::FromStr};

/// A version of the Engine API, as `1.41`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u16,
    /// After it.
    pub minor: u16,
}

impl ApiVersion {
    /// The oldest that has what weft needs: that of Docker 20.10.
    pub const OLDEST: Self = Self { major: 1, minor: 41 };
    /// The newest that weft was tried with: that of Docker 28.5.
    pub const NEWEST: Self = Self { major: 1, minor: 51 };

    /// The version to speak with an engine that speaks `oldest` to `newest`.
    pub fn agree(oldest: Self, newest: Self) -> Option<Self> {
        let version = newest.min(Self::NEWEST);
        (version >= Self::OLDEST.max(oldest)).then_some(version)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| digits.parse().map_err(|_| "not a version such as 1.41");
        let (major, minor) = text.split_once('.').ok_or("not a version such as 1.41")?;
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_newest_that_both_know() {
        let v = |text: &str| text.parse::<ApiVersion>().unwrap();
        assert_eq!(ApiVersion::agree(v("1.12"), v("1.41")), Some(v("1.41")));
        assert_eq!(ApiVersion::agree(v("1.24"), v("1.51")), Some(v("1.51")));
        assert_eq!(ApiVersion::agree(v("1.44"), v("1.60")), Some(ApiVersion::NEWEST));
        assert_eq!(ApiVersion::agree(v("1.12"), v("1.40")), None, "too old");
        assert_eq!(ApiVersion::agree(v("1.90"), v("1.99")), None, "too new");
        assert!(v("1.9") < v("1.41"));
    }

    #[test]
    fn refuses_what_is_not_a_version() {
        for bad in ["", "1", "1.", ".41", "1.41.2", "v1.41", "1.99999", "1.-1"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
    }
}
