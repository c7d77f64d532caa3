//! WireGuard devices: their keys and peers (`include/uapi/linux/wireguard.h`, spoken over generic netlink).

mod message;
#[cfg(test)]
mod tests;

pub(crate) use message::device;

use crate::{
    NetlinkError,
    nft::{Attributes, answers, message},
    transport::{Transport, attributes},
};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP};
use netlink_sys::protocols::NETLINK_GENERIC;
use rustix::io::Errno;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use weft_model::TunnelKey;

// The numbers of `include/uapi/linux/genetlink.h`.
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const WG_CMD_GET_DEVICE: u8 = 0;
const WG_CMD_SET_DEVICE: u8 = 1;
/// How often a device is read before it is given up that it stays as it is meanwhile.
const ATTEMPTS: usize = 8;

/// What a WireGuard device is set to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WireGuardDevice {
    /// The public half of its key, once it has one.
    pub key: Option<TunnelKey>,
    /// The UDP port it listens on.
    pub port: u16,
    /// Those it speaks to.
    pub peers: Vec<WireGuardPeer>,
}

/// A peer of a WireGuard device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireGuardPeer {
    /// The public half of its key.
    pub key: TunnelKey,
    /// Where packets to it go; absent until it is known.
    pub endpoint: Option<SocketAddr>,
    /// How often, in seconds, the tunnel is used so that it stays open; zero: as it comes.
    pub keepalive: u16,
    /// What packets from it may come from, as addresses with prefix lengths.
    pub allowed: Vec<(IpAddr, u8)>,
    /// When it last proved that it has its key, as time since 1970; absent if it never did.
    pub last_handshake: Option<Duration>,
    /// How many bytes were sent to it.
    pub sent: u64,
}

/// A change of a WireGuard device.
#[derive(Clone)]
pub enum WireGuardChange<'a> {
    /// Its key, of which this is the secret half, and its UDP port.
    Device {
        /// The secret.
        secret: &'a [u8; 32],
        /// The port.
        port: u16,
    },
    /// A peer, new or other than before. What it may come from is replaced, and so is its endpoint, if one is given.
    Peer(&'a WireGuardPeer),
    /// A peer that is one no more.
    WithoutPeer(&'a TunnelKey),
}

/// A way to the WireGuard devices of the network namespace that its thread was in when it was opened.
pub struct WireGuard {
    transport: Transport,
    family: u16,
}

impl WireGuard {
    /// Opens a socket.
    ///
    /// # Errors
    /// When the kernel does not give one, or has no WireGuard ([`NetlinkError::is_unsupported`]).
    pub fn open() -> Result<Self, NetlinkError> {
        let mut transport = Transport::open(NETLINK_GENERIC)?;
        let name = Attributes::default().bytes(CTRL_ATTR_FAMILY_NAME, b"wireguard\0");
        transport.send(&message(GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, &name))?;
        let mut family = None;
        let asked = answers(&mut transport, true, |kind, body| {
            family = family.or_else(|| (kind == GENL_ID_CTRL).then(|| number_of_family(body)).flatten());
            Ok(())
        });
        match (asked, family) {
            (Ok(_), Some(family)) => Ok(Self { transport, family }),
            (Err(error), _) if error.errno() != Some(Errno::NOENT.raw_os_error()) => Err(error),
            _ => Err(NetlinkError::Refused {
                errno: Errno::OPNOTSUPP.raw_os_error(),
                message: Some("the kernel has no WireGuard".to_owned()),
            }),
        }
    }

    /// What the device with this number is set to.
    ///
    /// # Errors
    /// When the kernel refuses, or there is no such device.
    pub fn device(&mut self, index: u32) -> Result<WireGuardDevice, NetlinkError> {
        let request =
            message(self.family, NLM_F_ACK | NLM_F_DUMP, WG_CMD_GET_DEVICE, &message::of_device(index));
        for _ in 0..ATTEMPTS {
            let mut found = WireGuardDevice::default();
            self.transport.send(&request)?;
            let family = self.family;
            let whole = answers(&mut self.transport, true, |kind, body| {
                if kind == family {
                    device(body, &mut found);
                }
                Ok(())
            })?;
            if whole {
                return Ok(found);
            }
        }
        Err(NetlinkError::Interrupted(ATTEMPTS))
    }

    /// Changes the device with this number.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn change(&mut self, index: u32, change: &WireGuardChange<'_>) -> Result<(), NetlinkError> {
        let mut request =
            message(self.family, NLM_F_ACK, WG_CMD_SET_DEVICE, &message::of_change(index, change));
        let sent = self.transport.send(&request);
        request.fill(0);
        sent?;
        answers(&mut self.transport, false, |_, _| Ok(())).map(drop)
    }
}

fn number_of_family(body: &[u8]) -> Option<u16> {
    let (_, value) = attributes(body).find(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID)?;
    value.first_chunk().map(|number| u16::from_ne_bytes(*number))
}
