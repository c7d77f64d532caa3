//! Which node does what every node could do: the one that is first for it. If all did it at once, one would be faster,
//! and the others would have asked the store in vain.

use std::time::Duration;
use weft_model::NodeName;
use weft_state::cluster::Cluster;

/// How long each is left to do it.
const EACH: Duration = Duration::from_secs(2);

/// How long `me` leaves `matter` to the nodes that come before it: they are up, as far as is known. For each matter it is
/// another one that is first.
pub(super) fn wait(cluster: &Cluster, me: &NodeName, matter: &str) -> Duration {
    EACH * before(cluster.live.keys(), me, matter)
}

/// How many of `nodes` come before `me`.
fn before<'n>(nodes: impl Iterator<Item = &'n NodeName>, me: &NodeName, matter: &str) -> u32 {
    let place = |node: &NodeName| (mixed(node.as_str(), matter), node.clone());
    let mine = place(me);
    let before = nodes.filter(|node| *node != me && place(node) < mine).count();
    u32::try_from(before).unwrap_or(u32::MAX)
}

/// The same on every node and in every version: FNV-1a, and the last step of `SplitMix64`, since names differ in their
/// last bytes.
fn mixed(node: &str, matter: &str) -> u64 {
    let bytes = node.bytes().chain([0]).chain(matter.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_has_a_place_of_its_own_and_another_one_is_first_each_time() {
        let nodes: Vec<NodeName> = (1..=20).map(|n| format!("host{n}").parse().unwrap()).collect();
        let mut first = BTreeSet::new();
        for matter in 0..100 {
            let matter = format!("host{matter}");
            let places: Vec<u32> = nodes.iter().map(|me| before(nodes.iter(), me, &matter)).collect();
            let distinct: BTreeSet<u32> = places.iter().copied().collect();
            assert_eq!(distinct, (0..20).collect());
            first.extend(places.iter().position(|place| *place == 0));
        }
        assert!(first.len() > 15, "of 20 nodes, only {first:?} are ever first");
    }

    #[test]
    fn one_of_two_is_first_and_who_is_alone_waits_for_nobody() {
        let [a, b]: [NodeName; 2] = ["a".parse().unwrap(), "b".parse().unwrap()];
        assert_eq!(before([&b].into_iter(), &a, "x") + before([&a].into_iter(), &b, "x"), 1);
        assert_eq!(before(std::iter::empty(), &a, "x"), 0);
    }
}
