use super::{
    message::{of_change, of_device},
    *,
};

fn key(first: u8) -> TunnelKey {
    let mut bytes = [9; 32];
    bytes[0] = first;
    TunnelKey::new(bytes).unwrap()
}

fn peer(endpoint: Option<&str>) -> WireGuardPeer {
    WireGuardPeer {
        key: key(1),
        endpoint: endpoint.map(|text| text.parse().unwrap()),
        keepalive: 25,
        allowed: vec![("fd01::2".parse().unwrap(), 128), ("10.0.0.2".parse().unwrap(), 32)],
        last_handshake: None,
        sent: 0,
    }
}

/// The attributes alone, as the kernel would hand them back: what it is told of peers has the form of what it tells.
fn body(attributes: &Attributes) -> Vec<u8> {
    message(0, 0, 0, attributes)[20..].to_vec()
}

fn read(body: &[u8]) -> WireGuardDevice {
    let mut found = WireGuardDevice::default();
    device(body, &mut found);
    found
}

#[test]
fn a_peer_is_told_as_it_is_heard() {
    for endpoint in [None, Some("192.0.2.1:51820"), Some("[2001:db8::1%7]:51820")] {
        let peer = peer(endpoint);
        let told = body(&of_change(7, &WireGuardChange::Peer(&peer)));
        assert_eq!(read(&told).peers, [peer]);
    }
}

#[test]
fn a_peer_in_several_messages_is_one() {
    let whole = peer(None);
    let mut found = WireGuardDevice::default();
    for range in &whole.allowed {
        let part = WireGuardPeer { allowed: vec![*range], ..whole.clone() };
        device(&body(&of_change(7, &WireGuardChange::Peer(&part))), &mut found);
    }
    assert_eq!(found.peers, [whole]);
}

#[test]
fn what_is_cut_off_or_makes_no_sense_is_left_out() {
    let whole = body(&of_change(7, &WireGuardChange::Peer(&peer(Some("192.0.2.1:51820")))));
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).peers.is_empty(), "{length}");
    }
    assert_eq!(read(&[0xff; 64]), WireGuardDevice::default());
    assert_eq!(read(&body(&of_device(7))), WireGuardDevice::default());
}

/// A thread with a network namespace of its own.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let inside = move || {
        crate::unshare_network().unwrap();
        work()
    };
    std::thread::spawn(inside).join().unwrap()
}

/// With the kernel's own WireGuard, or its own word that it has none.
#[test]
fn the_kernel_takes_and_tells_it() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root may set up devices");
        return;
    }
    let made = apart(|| {
        let link = crate::NewLink { name: "tunnel0", mac: None, mtu: 1420 };
        let mut socket = crate::Socket::open().unwrap();
        socket.request(link.of_kind("wireguard"))?;
        let index = socket.link_index("tunnel0")?;
        let mut wireguard = WireGuard::open()?;
        assert_eq!(wireguard.device(index)?.key, None);
        // X25519 of this secret, by RFC 7748 section 6.1.
        let secret: [u8; 32] = std::array::from_fn(|n| ALICE[n]);
        wireguard.change(index, &WireGuardChange::Device { secret: &secret, port: 51820 })?;
        wireguard.change(index, &WireGuardChange::Peer(&peer(Some("192.0.2.1:51820"))))?;
        let found = wireguard.device(index)?;
        assert_eq!(
            (found.key.unwrap().bytes()[..4].to_vec(), found.port),
            (vec![0x85, 0x20, 0xf0, 0x09], 51820)
        );
        let mut heard = found.peers;
        heard[0].allowed.sort_by_key(|(ip, _)| ip.is_ipv4());
        assert_eq!(heard, [peer(Some("192.0.2.1:51820"))]);
        wireguard.change(index, &WireGuardChange::WithoutPeer(&key(1)))?;
        assert_eq!(wireguard.device(index)?.peers, []);
        Ok::<_, NetlinkError>(())
    });
    if let Err(error) = made {
        assert!(error.is_unsupported(), "{error}");
        let opened = apart(|| WireGuard::open().map(drop)).unwrap_err();
        assert!(opened.is_unsupported() && opened.to_string().contains("no WireGuard"), "{opened}");
    }
}

/// Alice's secret of RFC 7748, section 6.1.
const ALICE: [u8; 32] = [
    0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf,
    0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
];
