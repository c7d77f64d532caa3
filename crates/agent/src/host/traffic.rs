//! What the kernel has counted of the segments' ends of endpoints.

use futures::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use weft_model::{IfName, Traffic, Vni, chain};
use weft_netlink::{Socket, in_namespace, named_path};
use weft_plan::Netns;

/// How many segments are looked at together, each on a thread.
const AT_ONCE: usize = 8;

/// What has gone through them, by segment and name. A segment that is not there (yet), or cannot be read now, has none: of
/// the others it is said all the same.
pub(super) async fn traffic(segments: BTreeSet<Vni>) -> BTreeMap<(Vni, IfName), Traffic> {
    let each = stream::iter(segments).map(of_segment).buffer_unordered(AT_ONCE);
    each.flat_map(stream::iter).collect().await
}

async fn of_segment(vni: Vni) -> Vec<((Vni, IfName), Traffic)> {
    let counted = in_namespace(named_path(&Netns::segment_name(vni)), || Socket::open()?.traffic()).await;
    let why = match counted {
        Ok(Ok(counted)) => {
            let named = counted.into_iter().filter_map(|(name, it)| Some(((vni, name.parse().ok()?), it)));
            return named.collect();
        }
        Err(error) if error.is_gone() => return Vec::new(),
        Err(error) => chain(&error),
        Ok(Err(error)) => chain(&error),
    };
    tracing::debug!(%vni, why, "cannot read what the kernel has counted of a segment");
    Vec::new()
}
