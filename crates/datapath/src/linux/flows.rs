//! Flows of UDP packets that go where a published port led before.

use crate::StaleFlows;
use std::{collections::BTreeSet, net::IpAddr, time::Duration};
use weft_netlink::{Flow, Flows, NetlinkError, Socket};

const UDP: u8 = 17;

/// Forgets those that are stale, and says how many were. Others' packets to the same port of another host pass through
/// here, too: only those to an address of this host are meant.
pub(super) fn forget(stale: &StaleFlows, within: Duration) -> Result<usize, NetlinkError> {
    let addresses = Socket::open()?.addresses()?;
    let own: BTreeSet<IpAddr> = addresses.into_iter().map(|address| address.net.addr()).collect();
    let is_own = |ip: IpAddr| ip.is_loopback() || own.contains(&ip);
    let is_stale = |flow: &Flow| is_own(flow.to.ip()) && stale.has(flow.to, flow.answered_by);
    let mut flows = Flows::open(within)?;
    let mut count = 0;
    for ipv4 in stale.families() {
        let found = flows.find(UDP, ipv4, is_stale)?;
        found.iter().try_for_each(|flow| flows.forget(flow))?;
        count += found.len();
    }
    Ok(count)
}
