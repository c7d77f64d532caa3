//! The cluster that this host belongs to, and the store it is in, as the data directory has it.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use weft_model::{ClusterId, Extra};

/// Where a store is: what its URL says, but for how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLocation {
    /// What kind of store it is.
    kind: String,
    /// Its servers; the file of an embedded one.
    servers: BTreeSet<String>,
    /// What the cluster's keys start with.
    root: String,
}

impl StoreLocation {
    /// The place of a store that is called `description` ([`Store::describe`](weft_store::Store::describe)), under `root`.
    pub fn new(description: &str, root: &str) -> Self {
        let (kind, servers) = match description.split_once("://") {
            Some((scheme, servers)) => {
                let kind = match scheme.strip_suffix("+tls").unwrap_or(scheme) {
                    // The same store for hosts that joined, and for those that have its token.
                    "weft" => "consul",
                    kind => kind,
                };
                (kind, servers.split(',').map(str::to_owned).collect())
            }
            None => ("embedded", BTreeSet::from([description.to_owned()])),
        };
        Self { kind: kind.to_owned(), servers, root: root.to_owned() }
    }

    /// The place that an earlier version wrote down: description and root, with a space between them.
    pub fn parse(text: &str) -> Option<Self> {
        text.rsplit_once(' ').map(|(description, root)| Self::new(description, root))
    }

    /// The prefix of the cluster's keys.
    pub fn prefix(&self) -> &str {
        self.root.strip_suffix("/v1/").unwrap_or(&self.root)
    }

    /// Whether it is a file of this host.
    pub fn is_here(&self) -> bool {
        self.kind == "embedded"
    }

    /// Whether both are one store as far as anybody can tell: one server and the prefix in common.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.root == other.root && !self.servers.is_disjoint(&other.servers)
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.servers.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let prefix = self.prefix();
        match self.kind.as_str() {
            "embedded" => write!(f, "{servers} (prefix {prefix})"),
            kind => write!(f, "{kind}://{servers}/{prefix}"),
        }
    }
}

/// Where this host is at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// The cluster; unknown where an earlier version was at home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// Its store, as it was found last.
    pub store: StoreLocation,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(description: &str) -> StoreLocation {
        StoreLocation::new(description, "weft/v1/")
    }

    #[test]
    fn one_server_in_common_is_enough() {
        let three = place("consul://a:8500,b:8500,c:8500");
        assert!(three.is_same(&place("consul://c:8500,d:8500")));
        assert!(three.is_same(&place("consul+tls://a:8500")));
        assert!(!three.is_same(&place("consul://d:8500")));
        assert!(!three.is_same(&place("etcd://a:8500")));
        assert!(!three.is_same(&StoreLocation::new("consul://a:8500", "wfet/v1/")));
        let file = place("embedded:/var/lib/weft/store.redb");
        assert!(file.is_here() && !three.is_here());
        assert!(file.is_same(&file) && !file.is_same(&place("embedded:/srv/store.redb")));
    }

    #[test]
    fn what_an_earlier_version_wrote_is_understood() {
        let parsed = StoreLocation::parse("consul://a:8500,b:8500 prod/v1/");
        assert_eq!(parsed, Some(StoreLocation::new("consul://a:8500,b:8500", "prod/v1/")));
        assert_eq!(StoreLocation::parse("nonsense"), None);
    }

    #[test]
    fn people_read_it_as_they_write_it() {
        assert_eq!(place("consul+tls://b:1,a:1").to_string(), "consul://a:1,b:1/weft");
        assert_eq!(place("embedded:/x y").to_string(), "embedded:/x y (prefix weft)");
    }

    #[test]
    fn its_shape_stays() {
        let golden = include_str!("home.json");
        let home: Home = serde_json::from_str(golden).unwrap();
        assert_eq!(home.store, place("consul://192.0.2.1:8500,192.0.2.2:8500"));
        let written = serde_json::to_value(&home).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(golden).unwrap());
    }
}
