//! What a host uses of the address space, so that no network is put in its place.

use crate::Extra;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

/// How many of them a node says: those that matter most come first.
const MOST: usize = 64;
/// The longest text for people, in characters.
const LONGEST: usize = 60;

/// A range of addresses that a host uses, in its [`Node`](crate::Node) record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// The range.
    #[serde(deserialize_with = "without_host_bits")]
    pub net: IpNet,
    /// What for, in words for people: "its store is there".
    #[serde(deserialize_with = "for_people")]
    pub what: String,
    /// Whether the host is lost without it: no route of ours may lead elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vital: bool,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl InUse {
    /// A range that is used for `what`.
    pub fn new(net: IpNet, what: &str) -> Self {
        Self {
            net: net.trunc(),
            what: what.chars().take(LONGEST).collect(),
            vital: false,
            extra: Extra::new(),
        }
    }

    /// The same, which the host is lost without.
    pub fn vital(net: IpNet, what: &str) -> Self {
        Self { vital: true, ..Self::new(net, what) }
    }

    /// Whether any address is in both. A default route is in nobody's way.
    pub fn overlaps(&self, pool: &IpNet) -> bool {
        self.net.prefix_len() > 0 && (self.net.contains(pool) || pool.contains(&self.net))
    }

    /// As many of `all` as a record has room for, each range once, in an order that does not change by itself.
    pub fn as_recorded(mut all: Vec<Self>) -> Vec<Self> {
        all.sort_by(|a, b| (!a.vital, a.net, &a.what).cmp(&(!b.vital, b.net, &b.what)));
        all.dedup_by(|b, a| a.net == b.net);
        all.truncate(MOST);
        all
    }
}

fn without_host_bits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    let net = IpNet::deserialize(deserializer)?;
    Ok(net.trunc())
}

fn for_people<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_matters_comes_first_and_there_is_an_end() {
        let nets = (0..200u8).map(|n| InUse::new(IpNet::new([10, n, 0, 0].into(), 16).unwrap(), "a route"));
        let store = InUse::vital("192.0.2.1/32".parse().unwrap(), "its store");
        let all: Vec<_> = nets.chain([store.clone(), store.clone()]).collect();
        let recorded = InUse::as_recorded(all);
        assert_eq!((recorded.len(), &recorded[0]), (MOST, &store));
        assert_eq!(recorded.iter().filter(|one| **one == store).count(), 1);
    }

    proptest! {
        #[test]
        fn reading_anything_does_not_panic(text in ".{0,80}") {
            let _ = serde_json::from_str::<InUse>(&text);
            let record = serde_json::json!({"net": "10.0.0.1/8", "what": text});
            let read: InUse = serde_json::from_value(record).unwrap();
            prop_assert!(read.what.chars().count() <= LONGEST && !read.what.contains(char::is_control));
            prop_assert_eq!(read.net.to_string(), "10.0.0.0/8");
        }
    }
}
