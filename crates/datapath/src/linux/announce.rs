//! Addresses that moved, announced where they are.

use crate::Moved;
use weft_model::{IfName, chain};
use weft_netlink::{Namespace, Socket};
use weft_plan::Netns;

type Error = Box<dyn std::error::Error>;

/// Announces each on its segment, in the order they come in.
pub(super) fn announce(moved: &[Moved]) {
    for moved in moved.chunk_by(|one, other| one.vni == other.vni) {
        if let [first, ..] = moved
            && let Err(error) = announce_on(first, moved)
        {
            // The containers that talk to the address find out by themselves, later.
            tracing::debug!(vni = %first.vni, error = chain(&*error), "cannot announce addresses that moved");
        }
    }
}

fn announce_on(Moved { vni, .. }: &Moved, moved: &[Moved]) -> Result<(), Error> {
    Namespace::open(weft_netlink::named_path(&Netns::segment_name(*vni)))?.enter()?;
    let bridge = Socket::open()?.link_index(IfName::bridge().as_str())?;
    for moved in moved {
        weft_netlink::announce(bridge, moved.ip, moved.mac)?;
    }
    Ok(())
}
