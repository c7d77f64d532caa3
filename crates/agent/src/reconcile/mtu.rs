//! How large a packet fits through each network: the least that its hosts can take.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use tokio::time::Instant;
use weft_model::{MIN_IPV6_MTU, MIN_REQUESTED_MTU, Network, NetworkId, NodeName, Vni};
use weft_plan::{Desired, Kind, Netns, Observed};
use weft_state::cluster::Cluster;

/// For how long more must have fitted before it is made use of: what swings does not make containers swing.
const STEADY: Duration = Duration::from_secs(600);

/// The MTU of each network that this node is on.
#[derive(Debug, Default)]
pub(super) struct Mtus {
    held: BTreeMap<NetworkId, Held>,
    /// Whether what an earlier agent left in the kernel has been seen.
    resumed: bool,
}

impl Mtus {
    /// Whether a network has one.
    pub(super) fn has(&self, network: &NetworkId) -> bool {
        self.held.contains_key(network)
    }

    /// Takes what fits through each network now, and says what holds. A network that this node is on no longer is
    /// forgotten, and begins anew.
    pub(super) fn follow<'a>(
        &mut self,
        now: Instant,
        fits: impl IntoIterator<Item = (NetworkId, Fits<'a>)>,
    ) -> BTreeMap<NetworkId, u32> {
        let before = std::mem::take(&mut self.held);
        let follow = |(id, fits): (NetworkId, Fits<'a>)| {
            let Some(before) = before.get(&id) else { return (id, Held::new(fits)) };
            let held = before.follow(now, fits);
            if held.mtu != before.mtu {
                let (network, before) = (id.short(), before.mtu);
                match fits {
                    Fits::Found { by: Some(node), .. } if held.mtu < before => {
                        tracing::info!(network, before, now = held.mtu, %node, "the MTU of a network has changed");
                    }
                    _ => tracing::info!(network, before, now = held.mtu, "the MTU of a network has changed"),
                }
            }
            (id, held)
        };
        self.held = fits.into_iter().map(follow).collect();
        self.held.iter().map(|(id, held)| (*id, held.mtu)).collect()
    }

    /// Goes on, once, from what an earlier agent left in the kernel: where that is less, more may have fitted for a moment
    /// only.
    pub(super) fn resume(&mut self, desired: &mut Desired, there: &Observed) {
        if std::mem::replace(&mut self.resumed, true) {
            return;
        }
        for (vni, segment) in &desired.segments {
            let held = self.held.get_mut(&segment.network).filter(|held| !held.asked);
            let ipv6 = segment.gateways.iter().any(|gateway| gateway.addr().is_ipv6());
            let least = if ipv6 { MIN_IPV6_MTU } else { MIN_REQUESTED_MTU };
            // No agent gives less than the least: another program did that.
            let left = left(there, *vni).filter(|left| *left >= least);
            if let Some((held, left)) = held.zip(left) {
                held.mtu = held.mtu.min(left);
            }
        }
        for segment in desired.segments.values_mut() {
            segment.mtu = self.held.get(&segment.network).map_or(segment.mtu, |held| held.mtu);
        }
    }
}

/// How large a packet fits through a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits<'a> {
    /// What it asks for.
    Asked(u32),
    /// What its hosts can take now.
    Found {
        mtu: u32,
        /// The host that can take no more.
        by: Option<&'a NodeName>,
    },
}

/// An MTU that goes down at once, and up once more has fitted for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    mtu: u32,
    asked: bool,
    /// What has fitted since then, at least.
    more: Option<(u32, Instant)>,
}

impl Held {
    fn new(fits: Fits<'_>) -> Self {
        let (Fits::Asked(mtu) | Fits::Found { mtu, .. }) = fits;
        Self { mtu, asked: matches!(fits, Fits::Asked(_)), more: None }
    }

    fn follow(self, now: Instant, next: Fits<'_>) -> Self {
        let fits = match next {
            Fits::Found { mtu, .. } if mtu > self.mtu => mtu,
            _ => return Self::new(next),
        };
        let (least, since) = self.more.map_or((fits, now), |(least, since)| (least.min(fits), since));
        if now.saturating_duration_since(since) < STEADY {
            return Self { more: Some((least, since)), ..self };
        }
        Self { mtu: least, more: (fits > least).then_some((fits, now)), ..self }
    }
}

/// The MTU of the devices of a segment, if they agree: where they do not, another program changed some, or the agent
/// has changed only some so far.
fn left(there: &Observed, vni: Vni) -> Option<u32> {
    let devices = there.namespaces.get(&Netns::Segment(vni))?.links.values();
    let mut mtus =
        devices.filter(|link| matches!(link.kind, Kind::Bridge | Kind::Vxlan { .. })).map(|link| link.mtu);
    let first = mtus.next()?;
    mtus.all(|mtu| mtu == first).then_some(first)
}

/// What fits through a network: what it asks for; else the least of its hosts, up or down, this one among them with
/// what its own underlay carries from its address. Nothing is known of a host whose version does not say.
pub(super) fn fits<'a>(
    cluster: &Cluster,
    network: &Network,
    hosts: impl Iterator<Item = &'a NodeName>,
    me: &'a NodeName,
    own: (u32, IpAddr),
) -> Fits<'a> {
    // One that is not valid was refused when the network was created: this is another version's.
    if let Some(asked) = network.requested_mtu().ok().flatten() {
        return Fits::Asked(asked);
    }
    let others = hosts.filter(|node| *node != me).filter_map(|name| {
        let node = cluster.nodes.get(name)?;
        Some((network.mtu_through(node.underlay_mtu?, node.vtep), name))
    });
    let own = (network.mtu_through(own.0, own.1), me);
    let (mtu, by) = others.fold(own, |least, next| if next.0 < least.0 { next } else { least });
    // Below, the kernel switches IPv6 off, and one host's mistake would have all send packets for a few bytes each. The
    // hosts' network takes these in fragments.
    Fits::Found { mtu: mtu.max(network.least_found_mtu()), by: Some(by) }
}

/// What fits through the underlay, as it was last found: it goes on to hold while it cannot be found.
#[derive(Debug, Default)]
pub(super) struct OwnMtu {
    last: Option<u32>,
    /// Why it could not be found the last time.
    trouble: Option<String>,
}

impl OwnMtu {
    /// Takes what was found, and says why nothing was, once.
    pub(super) fn found(&mut self, found: Result<u32, String>) {
        match found {
            Ok(mtu) => *self = Self { last: Some(mtu), trouble: None },
            Err(why) => {
                if self.trouble.as_ref() != Some(&why) {
                    tracing::warn!(
                        why,
                        "cannot find what fits through the hosts' network; going on with what did"
                    );
                }
                self.trouble = Some(why);
            }
        }
    }

    /// Whether the host has been found to carry something else meanwhile.
    pub(super) fn is_other(&self, told: Option<u32>) -> bool {
        told.is_some_and(|told| self.last.is_some_and(|last| last != told))
    }

    /// What was found last; else what is known from before; else what fits through Ethernet as it comes (RFC 894).
    pub(super) fn or(&self, before: Option<u32>) -> u32 {
        self.last.or(before).unwrap_or(1500)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weft_plan::Segment;

    fn found(mtu: u32) -> Fits<'static> {
        Fits::Found { mtu, by: None }
    }

    #[test]
    fn down_at_once_and_up_after_a_while() {
        let id = "0".repeat(64).parse().unwrap();
        let (mut mtus, start) = (Mtus::default(), Instant::now());
        let mut at =
            |seconds, fits| mtus.follow(start + Duration::from_secs(seconds), [(id, found(fits))])[&id];
        assert_eq!(at(0, 8950), 8950);
        assert_eq!(at(1, 1450), 1450);
        assert_eq!(at(2, 8950), 1450);
        assert_eq!(at(601, 8950), 1450);
        assert_eq!(at(602, 8950), 8950);
        assert_eq!(at(603, 1450), 1450);
        // It swings: begun anew each time it is what it was.
        for turn in 0..10 {
            assert_eq!(at(1000 + 1000 * turn, 8950), 1450);
            assert_eq!(at(1500 + 1000 * turn, 1450), 1450);
        }
        // To what fitted all the time.
        assert_eq!(at(20_000, 8950), 1450);
        assert_eq!(at(20_300, 4000), 1450);
        assert_eq!(at(20_600, 8950), 4000);
        assert_eq!(at(21_199, 8950), 4000);
        assert_eq!(at(21_200, 8950), 8950);
    }

    #[test]
    fn a_network_that_was_left_begins_anew() {
        let id = "0".repeat(64).parse().unwrap();
        let (mut mtus, now) = (Mtus::default(), Instant::now());
        assert_eq!(mtus.follow(now, [(id, found(1450))])[&id], 1450);
        assert!(mtus.follow(now, []).is_empty());
        assert_eq!(mtus.follow(now, [(id, found(8950))])[&id], 8950);
    }

    /// What is held after an agent has found devices of these MTUs, on a network for which `fits` holds.
    fn after_a_restart(fits: Fits<'_>, devices: &[u32]) -> u32 {
        let (id, vni) = ("0".repeat(64).parse().unwrap(), Vni::try_from(256).unwrap());
        let mut there = Observed::default();
        let links = &mut there.namespaces.entry(Netns::Segment(vni)).or_default().links;
        for (name, mtu) in ["br0", "vxlan0"].into_iter().zip(devices) {
            links
                .insert(name.parse().unwrap(), weft_plan::Link::new(Kind::Bridge, String::new(), None, *mtu));
        }
        let (mut mtus, now) = (Mtus::default(), Instant::now());
        let mtu = mtus.follow(now, [(id, fits)])[&id];
        let segment = Segment {
            network: id,
            carrier: weft_plan::Carrier::Host,
            vtep: [192, 0, 2, 1].into(),
            port: 4789,
            mtu,
            gateways: Vec::new(),
            gateway_mac: weft_model::MacAddr::for_ip([10, 0, 0, 1].into()),
            egress: false,
            remotes: weft_plan::Remotes::default(),
        };
        let mut desired = Desired { segments: BTreeMap::from([(vni, segment)]), ..Desired::default() };
        mtus.resume(&mut desired, &there);
        let held = desired.segments[&vni].mtu;
        assert_eq!(mtus.follow(now, [(id, fits)])[&id], held);
        // Once is enough: from now on it is ours.
        mtus.resume(&mut desired, &Observed::default());
        let later = mtus.follow(now + STEADY, [(id, fits)])[&id];
        assert_eq!(later, Held::new(fits).mtu);
        held
    }

    /// One host's mistake does not have all send packets for a few bytes each.
    #[test]
    fn no_less_is_found_than_a_network_can_do_with() {
        let network = |pools: &str| -> Network {
            let text = format!(
                r#"{{"name":"overlay","subnets":[{pools}],"options":{{}},"labels":{{}},"created":"2026-11-22T12:00:00Z"}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let ipv4 = r#"{"pool":"10.0.0.0/24","gateway":"10.0.0.1","vni":256}"#;
        let both = format!(r#"{ipv4},{{"pool":"fd00::/64","gateway":"fd00::1","vni":256}}"#);
        let (me, vtep) = ("host1".parse().unwrap(), IpAddr::from([192, 0, 2, 1]));
        let found = |network: &Network, underlay| match fits(
            &Cluster::default(),
            network,
            std::iter::empty(),
            &me,
            (underlay, vtep),
        ) {
            Fits::Found { mtu, .. } => mtu,
            Fits::Asked(mtu) => panic!("{mtu} was asked for"),
        };
        let (ipv4, both) = (network(ipv4), network(&both));
        assert_eq!(
            [1500, 627, 626, 625, 100].map(|underlay| found(&ipv4, underlay)),
            [1450, 577, 576, 576, 576]
        );
        assert_eq!([1500, 1330, 1329, 100].map(|underlay| found(&both, underlay)), [1450, 1280, 1280, 1280]);
    }

    #[test]
    fn a_restart_goes_on_from_what_is_there() {
        assert_eq!(after_a_restart(found(8950), &[1450, 1450]), 1450);
        assert_eq!(after_a_restart(found(1450), &[8950, 8950]), 1450);
        assert_eq!(after_a_restart(found(8950), &[1450, 8950]), 8950);
        assert_eq!(after_a_restart(found(8950), &[]), 8950);
        assert_eq!(after_a_restart(found(8950), &[100, 100]), 8950);
        assert_eq!(after_a_restart(Fits::Asked(1400), &[1300, 1300]), 1400);
    }

    #[test]
    fn what_was_found_last_holds() {
        let mut own = OwnMtu::default();
        assert_eq!([own.or(None), own.or(Some(9000))], [1500, 9000]);
        own.found(Err("no answer".to_owned()));
        assert_eq!(own.or(Some(9000)), 9000);
        own.found(Ok(1400));
        own.found(Err("no answer".to_owned()));
        assert_eq!(own.or(Some(9000)), 1400);
    }

    proptest! {
        #[test]
        fn never_more_than_fits_nor_than_has_fitted(steps in proptest::collection::vec((0u64..400, 1u32..6), 1..40)) {
            let (mut held, mut now, mut past) = (None::<Held>, Instant::now(), Vec::new());
            for (pause, fits) in steps {
                now += Duration::from_secs(pause);
                past.push((now, fits));
                let before = held.map(|held| held.mtu);
                let next = found(fits);
                let next = held.map_or(Held::new(next), |held| held.follow(now, next));
                prop_assert!(next.mtu <= fits);
                if before.is_some_and(|before| next.mtu > before) {
                    let recent = past.iter().rev().take_while(|(at, _)| now.duration_since(*at) < STEADY);
                    prop_assert!(recent.clone().all(|(_, fitted)| *fitted >= next.mtu));
                }
                held = Some(next);
            }
        }
    }
}
