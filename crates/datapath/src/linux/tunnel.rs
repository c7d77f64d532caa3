//! The WireGuard device of the tunnels: what it is, and what it is set to.

use super::kernel::{Error, Kernel};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use weft_model::{IfName, TunnelKey};
use weft_netlink::{NetlinkError, WireGuard, WireGuardChange, WireGuardPeer};
use weft_plan::{Link, Netns, TunnelPeer, TunnelSettings};

/// The length of an address that is a peer's alone, in bits.
const ALONE: u8 = 128;
/// For how long after a peer has proved its key it is where it sent that from (WireGuard's Reject-After-Time).
const FOLLOWED: Duration = Duration::from_secs(180);

impl Kernel {
    /// Has a device use the secret, and listen.
    pub(super) fn set_tunnel(
        &mut self,
        netns: &Netns,
        name: &IfName,
        settings: TunnelSettings,
    ) -> Result<(), Error> {
        let own = |secret: &weft_trust::TunnelSecret| secret.public().is_ok_and(|key| key == settings.key);
        let Some(secret) = self.secret.clone().filter(own) else {
            return Err(Error::Other("the agent has the secret of another key by now".to_owned()));
        };
        let change = WireGuardChange::Device { secret: secret.bytes(), port: settings.port };
        self.change(netns, name, &change)
    }

    /// Adds a peer, or sets one that is there.
    pub(super) fn set_peer(&mut self, netns: &Netns, name: &IfName, peer: &TunnelPeer) -> Result<(), Error> {
        let peer = WireGuardPeer {
            key: peer.key,
            endpoint: peer.endpoint,
            keepalive: peer.keepalive,
            allowed: vec![(IpAddr::V6(peer.address), ALONE)],
            last_handshake: None,
            sent: 0,
        };
        self.change(netns, name, &WireGuardChange::Peer(&peer))
    }

    /// Removes a peer.
    pub(super) fn delete_peer(
        &mut self,
        netns: &Netns,
        name: &IfName,
        peer: &TunnelPeer,
    ) -> Result<(), Error> {
        self.change(netns, name, &WireGuardChange::WithoutPeer(&peer.key))
    }

    fn change(&mut self, netns: &Netns, name: &IfName, change: &WireGuardChange<'_>) -> Result<(), Error> {
        let index = self.at(netns)?.link(name)?;
        self.enter(netns)?;
        Ok(WireGuard::open()?.change(index, change)?)
    }
}

/// Fills in what the device with this number, in the namespace that the thread is in, is set to.
pub(super) fn observe(index: u32, link: &mut Link, want: Option<&Link>) -> Result<(), NetlinkError> {
    let found = WireGuard::open()?.device(index)?;
    link.tunnel = found.key.map(|key| TunnelSettings { key, port: found.port });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nobody = BTreeMap::new();
    let wanted = want.map_or(&nobody, |want| &want.peers);
    let silent = |peer: &&WireGuardPeer| peer.sent > 0 && peer.last_handshake.is_none();
    link.silent = found.peers.iter().filter(silent).map(|peer| peer.key).collect();
    link.peers = found.peers.iter().map(|found| peer(found, wanted.get(&found.key), now)).collect();
    Ok(())
}

/// A peer as it is, but that it may be elsewhere than it should: the device follows one that proves its key, and is right.
fn peer(found: &WireGuardPeer, want: Option<&TunnelPeer>, now: Duration) -> (TunnelKey, TunnelPeer) {
    let followed = found.last_handshake.is_some_and(|at| now.saturating_sub(at) < FOLLOWED);
    let endpoint = match want {
        Some(want) if followed || want.endpoint.is_none() => want.endpoint,
        _ => found.endpoint,
    };
    let address = match found.allowed.as_slice() {
        [(IpAddr::V6(address), ALONE)] => *address,
        // None that is ever wanted.
        _ => std::net::Ipv6Addr::UNSPECIFIED,
    };
    (found.key, TunnelPeer { key: found.key, address, endpoint, keepalive: found.keepalive })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn a_peer_that_has_moved_is_followed_while_it_answers() {
        let key = TunnelKey::new([1; 32]).unwrap();
        let (here, there): (SocketAddr, SocketAddr) =
            ("192.0.2.1:51820".parse().unwrap(), "192.0.2.9:4000".parse().unwrap());
        let want =
            TunnelPeer { key, address: "fd01::1".parse().unwrap(), endpoint: Some(here), keepalive: 0 };
        let at = |last_handshake| WireGuardPeer {
            key,
            endpoint: Some(there),
            keepalive: 0,
            allowed: vec![("fd01::1".parse().unwrap(), 128)],
            last_handshake,
            sent: 0,
        };
        let now = Duration::from_secs(1000);
        let seen = |last: Option<u64>| peer(&at(last.map(Duration::from_secs)), Some(&want), now).1;
        assert_eq!([seen(Some(900)), seen(Some(1010))], [want; 2]);
        for silent in [seen(Some(800)), seen(None)] {
            assert_eq!(silent, TunnelPeer { endpoint: Some(there), ..want });
        }
        let unknown = TunnelPeer { endpoint: None, ..want };
        assert_eq!(peer(&at(None), Some(&unknown), now).1, unknown, "it has to begin, from wherever it is");
        let mut more = at(Some(Duration::from_secs(999)));
        more.allowed.push(("::".parse().unwrap(), 0));
        assert_ne!(peer(&more, Some(&want), now).1, want, "it may not send under other addresses, too");
    }
}
