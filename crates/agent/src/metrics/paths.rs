//! How packets get to the other hosts.

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;
use weft_verbs::PeerPath;

type ByNode<G> = Family<[(&'static str, String); 1], G>;

/// The paths to the hosts that answer. What is not known of one is left out.
pub(super) fn register(registry: &mut Registry, paths: &[PeerPath]) {
    let (round_trips, lost) =
        (ByNode::<Gauge<f64, AtomicU64>>::default(), ByNode::<Gauge<f64, AtomicU64>>::default());
    let sizes = ByNode::<Gauge>::default();
    for PeerPath { node, path, .. } in paths {
        let label = [("node", node.to_string())];
        if let Some(took) = path.round_trip {
            round_trips.get_or_create(&label).set(took.as_secs_f64());
        }
        lost.get_or_create(&label).set(f64::from(path.lost) / 1000.0);
        if let Some(passes) = path.passes() {
            sizes.get_or_create(&label).set(passes.into());
        }
    }
    let help = "How long containers' packets take to another host and back, the shortest of the last times";
    registry.register_with_unit("peer_rtt", help, Unit::Seconds, round_trips);
    let help = "Of the last packets to another host or from it, the part that was lost";
    registry.register("peer_loss_ratio", help, lost);
    let help = "The largest packet of a container that gets to another host and back";
    registry.register_with_unit("peer_path_mtu", help, Unit::Bytes, sizes);
}
