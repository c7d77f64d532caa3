//! What is sent to WireGuard and what it says. Numbers are in the machine's byte order, but for ports.

use super::{WireGuardChange, WireGuardDevice, WireGuardPeer};
use crate::{nft::Attributes, transport::attributes};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    time::Duration,
};
use weft_model::TunnelKey;

const WGDEVICE_A_IFINDEX: u16 = 1;
const WGDEVICE_A_PRIVATE_KEY: u16 = 3;
const WGDEVICE_A_PUBLIC_KEY: u16 = 4;
const WGDEVICE_A_LISTEN_PORT: u16 = 6;
const WGDEVICE_A_PEERS: u16 = 8;
const WGPEER_A_PUBLIC_KEY: u16 = 1;
const WGPEER_A_FLAGS: u16 = 3;
const WGPEER_A_ENDPOINT: u16 = 4;
const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL: u16 = 5;
const WGPEER_A_LAST_HANDSHAKE_TIME: u16 = 6;
const WGPEER_A_TX_BYTES: u16 = 8;
const WGPEER_A_ALLOWEDIPS: u16 = 9;
const WGALLOWEDIP_A_FAMILY: u16 = 1;
const WGALLOWEDIP_A_IPADDR: u16 = 2;
const WGALLOWEDIP_A_CIDR_MASK: u16 = 3;
const WGPEER_F_REMOVE_ME: u32 = 1;
const WGPEER_F_REPLACE_ALLOWEDIPS: u32 = 2;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// Elements of a list have any kind.
const ELEMENT: u16 = 0;

/// A request about a device.
pub(super) fn of_device(index: u32) -> Attributes {
    Attributes::default().bytes(WGDEVICE_A_IFINDEX, &index.to_ne_bytes())
}

/// The same with a change of it.
pub(super) fn of_change(index: u32, change: &WireGuardChange<'_>) -> Attributes {
    let device = of_device(index);
    let one = |peer: Attributes| Attributes::default().nest(ELEMENT, &peer);
    match change {
        WireGuardChange::Device { secret, port } => {
            device.bytes(WGDEVICE_A_PRIVATE_KEY, *secret).bytes(WGDEVICE_A_LISTEN_PORT, &port.to_ne_bytes())
        }
        WireGuardChange::Peer(peer) => device.nest(WGDEVICE_A_PEERS, &one(of_peer(peer))),
        WireGuardChange::WithoutPeer(key) => {
            let gone = Attributes::default()
                .bytes(WGPEER_A_PUBLIC_KEY, key.bytes())
                .bytes(WGPEER_A_FLAGS, &WGPEER_F_REMOVE_ME.to_ne_bytes());
            device.nest(WGDEVICE_A_PEERS, &one(gone))
        }
    }
}

fn of_peer(peer: &WireGuardPeer) -> Attributes {
    let allowed = peer.allowed.iter().fold(Attributes::default(), |list, (ip, length)| {
        let (family, ip) = match ip {
            IpAddr::V4(ip) => (AF_INET, ip.octets().to_vec()),
            IpAddr::V6(ip) => (AF_INET6, ip.octets().to_vec()),
        };
        let one = Attributes::default()
            .bytes(WGALLOWEDIP_A_FAMILY, &family.to_ne_bytes())
            .bytes(WGALLOWEDIP_A_IPADDR, &ip)
            .bytes(WGALLOWEDIP_A_CIDR_MASK, &[*length]);
        list.nest(ELEMENT, &one)
    });
    let attributes = Attributes::default()
        .bytes(WGPEER_A_PUBLIC_KEY, peer.key.bytes())
        .bytes(WGPEER_A_FLAGS, &WGPEER_F_REPLACE_ALLOWEDIPS.to_ne_bytes())
        .bytes(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &peer.keepalive.to_ne_bytes())
        .nest(WGPEER_A_ALLOWEDIPS, &allowed);
    match peer.endpoint {
        Some(endpoint) => attributes.bytes(WGPEER_A_ENDPOINT, &of_socket(endpoint)),
        None => attributes,
    }
}

/// `struct sockaddr_in`, `struct sockaddr_in6`.
fn of_socket(address: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    match address {
        SocketAddr::V4(address) => {
            bytes.extend(AF_INET.to_ne_bytes());
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend([0; 8]);
        }
        SocketAddr::V6(address) => {
            bytes.extend(AF_INET6.to_ne_bytes());
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(address.flowinfo().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend(address.scope_id().to_ne_bytes());
        }
    }
    bytes
}

/// Adds to `found` what a message says of a device. One that has many peers comes in several messages, and a peer that has
/// much to say in several of them.
pub(crate) fn device(body: &[u8], found: &mut WireGuardDevice) {
    for (kind, value) in attributes(body) {
        match kind {
            WGDEVICE_A_PUBLIC_KEY => found.key = key(value),
            WGDEVICE_A_LISTEN_PORT => found.port = short(value).unwrap_or_default(),
            WGDEVICE_A_PEERS => {
                for peer in attributes(value).filter_map(|(_, value)| peer(value)) {
                    match found.peers.iter_mut().find(|known| known.key == peer.key) {
                        Some(known) => known.allowed.extend(peer.allowed),
                        None => found.peers.push(peer),
                    }
                }
            }
            _ => {}
        }
    }
}

fn peer(value: &[u8]) -> Option<WireGuardPeer> {
    let find = |wanted| attributes(value).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let allowed = find(WGPEER_A_ALLOWEDIPS).into_iter().flat_map(attributes);
    Some(WireGuardPeer {
        key: key(find(WGPEER_A_PUBLIC_KEY)?)?,
        endpoint: find(WGPEER_A_ENDPOINT).and_then(socket),
        keepalive: find(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL).and_then(short).unwrap_or_default(),
        allowed: allowed.filter_map(|(_, value)| range(value)).collect(),
        last_handshake: find(WGPEER_A_LAST_HANDSHAKE_TIME).and_then(time),
        sent: find(WGPEER_A_TX_BYTES)
            .and_then(|value| value.first_chunk())
            .map_or(0, |bytes| u64::from_ne_bytes(*bytes)),
    })
}

fn key(value: &[u8]) -> Option<TunnelKey> {
    TunnelKey::new(value.try_into().ok()?).ok()
}

fn short(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn range(value: &[u8]) -> Option<(IpAddr, u8)> {
    let find = |wanted| attributes(value).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let (address, length) = (find(WGALLOWEDIP_A_IPADDR)?, *find(WGALLOWEDIP_A_CIDR_MASK)?.first()?);
    let address = match address.len() {
        4 => IpAddr::from(*address.first_chunk::<4>()?),
        16 => IpAddr::from(*address.first_chunk::<16>()?),
        _ => return None,
    };
    Some((address, length))
}

fn socket(value: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*value.get(2..)?.first_chunk()?);
    match short(value)? {
        AF_INET => {
            let ip = Ipv4Addr::from(*value.get(4..)?.first_chunk::<4>()?);
            Some(SocketAddrV4::new(ip, port).into())
        }
        AF_INET6 => {
            let ip = Ipv6Addr::from(*value.get(8..)?.first_chunk::<16>()?);
            let flow = u32::from_be_bytes(*value.get(4..)?.first_chunk()?);
            let scope = u32::from_ne_bytes(*value.get(24..)?.first_chunk()?);
            Some(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        _ => None,
    }
}

/// `struct __kernel_timespec`; all zeros are never.
fn time(value: &[u8]) -> Option<Duration> {
    let seconds = i64::from_ne_bytes(*value.first_chunk()?);
    let nanoseconds = i64::from_ne_bytes(*value.get(8..)?.first_chunk()?);
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|n| *n < 1_000_000_000)?;
    let time = Duration::new(u64::try_from(seconds).ok()?, nanoseconds);
    (!time.is_zero()).then_some(time)
}
