//! Hearing that this namespace's links, addresses or routes have changed.

use crate::NetlinkError;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};
use std::io;

/// Multicast groups of rtnetlink(7), by number: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
/// RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE (include/uapi/linux/rtnetlink.h).
const GROUPS: [u32; 5] = [1, 5, 7, 9, 11];

/// A socket on which the kernel says that links, addresses or routes have changed, but not which: the caller has to look.
pub struct Changes {
    socket: TokioSocket,
}

impl Changes {
    /// Begins to listen, in the calling thread's network namespace. Must be called within a runtime.
    ///
    /// # Errors
    /// When the kernel does not give a socket.
    pub fn listen() -> Result<Self, NetlinkError> {
        Ok(Self { socket: hear(NETLINK_ROUTE, &GROUPS)? })
    }

    /// Waits for the next change. That some were missed (ENOBUFS) is one, too. Safe to cancel.
    pub async fn next(&mut self) {
        // What it says does not matter, nor that it was too long.
        let _ = self.socket.recv_from_full().await;
    }

    /// Forgets what was told by now: who looks from here on sees it.
    pub fn forget(&mut self) {
        // What follows an error is told later.
        while self.socket.socket_mut().recv(&mut &mut [0_u8; 1][..], libc::MSG_DONTWAIT).is_ok() {}
    }
}

/// A socket that hears multicast groups of a protocol, in the calling thread's network namespace.
pub(crate) fn hear(protocol: isize, groups: &[u32]) -> Result<TokioSocket, NetlinkError> {
    let failed = |doing| move |source: io::Error| NetlinkError::Socket { doing, source };
    let mut socket = TokioSocket::new(protocol).map_err(failed("socket"))?;
    let groups = groups.iter().fold(0, |all, group| all | 1 << (group - 1));
    socket.socket_mut().bind(&SocketAddr::new(0, groups)).map_err(failed("bind"))?;
    Ok(socket)
}
