//! Links: what one container calls another.

use crate::{EndpointName, InvalidName};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A name that one container alone has for another of its network, as `docker run --link` makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerLink {
    /// What the other is called by everybody.
    pub target: EndpointName,
    /// What this one calls it.
    pub alias: EndpointName,
}

/// As engines write it: `target:alias`, or `target` alone.
impl FromStr for ContainerLink {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (target, alias) = text.rsplit_once(':').unwrap_or((text, text));
        let (target, alias) = (target.trim_start_matches('/'), alias.rsplit('/').next().unwrap_or(alias));
        // A container's whole id is too long for DNS: it answers to the start of it.
        let is_id = target.len() == 64 && target.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(Self {
            target: target.get(..12).filter(|_| is_id).unwrap_or(target).parse()?,
            alias: alias.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_engines_write_it() {
        let link = |text: &str| {
            text.parse::<ContainerLink>().map(|link| (link.target.to_string(), link.alias.to_string()))
        };
        let expected = |target: &str, alias: &str| Ok((target.to_owned(), alias.to_owned()));
        assert_eq!(link("db:database"), expected("db", "database"));
        assert_eq!(link("db"), expected("db", "db"));
        assert_eq!(link("/db:/web/database"), expected("db", "database"));
        assert_eq!(link(&format!("{}:x", "c".repeat(64))), expected("cccccccccccc", "x"));
        assert!(link("a b:c").is_err() && link("").is_err());
    }
}
