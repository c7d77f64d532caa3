//! What a host uses of the address space, so that no network is put in its place.

use crate::Extra;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

/// How many of them a node says: those that matter most come first.
const MOST: usize = 128;
/// What is larger than this, as a prefix length, is everything for as far as anybody wants to be told apart: VPNs replace the
/// default route by 0.0.0.0/1 and 128.0.0.0/1 (OpenVPN's `redirect-gateway def1`), or by 2000::/3.
const EVERYTHING: u8 = 8;
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
        !is_default(&self.net) && (self.net.contains(pool) || pool.contains(&self.net))
    }

    /// As many of `all` as a record has room for, in an order that does not change by itself: what is vital, then the larger
    /// ranges, without those that are in another. A VPN may have a route for each of its hosts.
    pub fn as_recorded(mut all: Vec<Self>) -> Vec<Self> {
        let key = |one: &Self| (!one.vital, one.net.prefix_len(), one.net);
        all.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.what.cmp(&b.what)));
        let mut recorded: Vec<Self> = Vec::new();
        for one in all {
            let is_said = |said: &Self| said.net == one.net || !one.vital && said.net.contains(&one.net);
            if recorded.len() < MOST && !recorded.iter().any(is_said) {
                recorded.push(one);
            }
        }
        recorded
    }
}

/// Whether a route to `net` is a default route, or one of the few that a VPN has instead of it: no network is kept from such
/// a range.
pub fn is_default(net: &IpNet) -> bool {
    net.prefix_len() < EVERYTHING
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
        let hosts = (0..200u8).map(|n| InUse::new(IpNet::new([10, n, 0, 1].into(), 32).unwrap(), "a route"));
        let store = InUse::vital("192.0.2.1/32".parse().unwrap(), "its store");
        let lan = InUse::new("10.8.0.0/16".parse().unwrap(), "a route");
        let own = InUse::vital("10.8.0.3/32".parse().unwrap(), "its own address");
        let all: Vec<_> = hosts.chain([lan.clone(), store.clone(), own.clone(), store.clone()]).collect();
        let recorded = InUse::as_recorded(all);
        assert_eq!((recorded.len(), &recorded[..3]), (MOST, &[own, store.clone(), lan][..]));
        assert_eq!(recorded.iter().filter(|one| **one == store).count(), 1);
        assert!(!recorded.iter().any(|one| one.net.to_string() == "10.8.0.1/32"), "it is in the LAN");
    }

    #[test]
    fn what_replaces_a_default_route_is_in_nobodys_way() {
        for (net, is_in_the_way) in [
            ("0.0.0.0/0", false),
            ("0.0.0.0/1", false),
            ("128.0.0.0/1", false),
            ("2000::/3", false),
            ("10.0.0.0/8", true),
            ("fd00::/8", true),
        ] {
            let used = InUse::new(net.parse().unwrap(), "a route");
            let pools: [IpNet; 4] = ["10.1.0.0/24", "172.20.0.0/16", "fd00:1::/64", "2001:db8::/64"]
                .map(|net| net.parse().unwrap());
            assert_eq!(pools.iter().any(|pool| used.overlaps(pool)), is_in_the_way, "{net}");
        }
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
