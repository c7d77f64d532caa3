//! What is on a host's wire, and packets with a marker.

use std::{
    fs, io,
    net::{Ipv4Addr, UdpSocket},
    path::PathBuf,
    time::Duration,
};
use weft_testbed::{Container, Host, Service, until};

const PORT: u16 = 7000;
/// How long a packet may take.
const WHILE: Duration = Duration::from_millis(500);

/// Everything that goes over the interface to other hosts.
pub(crate) struct Wire {
    capture: PathBuf,
    _tcpdump: Service,
    _directory: tempfile::TempDir,
}

impl Wire {
    /// Listens, from now on.
    #[track_caller]
    pub(crate) fn of(host: &Host) -> Self {
        let directory = tempfile::tempdir().expect("there is room for it");
        let capture = directory.path().join("wire");
        let path = capture.to_str().expect("a path that can be typed").to_owned();
        let tcpdump = host.spawn(&["tcpdump", "-Z", "root", "-U", "-n", "-s0", "-i", "eth0", "-w", &path]);
        // The file's own head is there when it listens.
        until("the wire is listened to", Duration::from_secs(20), || {
            fs::metadata(&capture).is_ok_and(|file| file.len() >= 24)
        });
        Self { capture, _tcpdump: tcpdump, _directory: directory }
    }

    /// How often `marker` was seen so far.
    #[track_caller]
    pub(crate) fn count(&self, marker: impl AsRef<[u8]>) -> usize {
        let (seen, marker) = (fs::read(&self.capture).expect("it is being written"), marker.as_ref());
        seen.windows(marker.len()).filter(|window| *window == marker).count()
    }

    /// The packets so far that `filter` is for (pcap-filter(7)), a line each.
    #[track_caller]
    pub(crate) fn packets(&self, host: &Host, filter: &str) -> usize {
        let capture = self.capture.to_str().expect("a path that can be typed");
        host.run(&["tcpdump", "-n", "-r", capture, filter]).lines().count()
    }
}

/// A socket where packets with markers arrive.
pub(crate) fn listen() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("the port is free");
    socket.set_read_timeout(Some(WHILE)).expect("a timeout that is not zero");
    socket
}

pub(crate) fn send(to: Ipv4Addr, marker: &str) -> io::Result<usize> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(marker.as_bytes(), (to, PORT))
}

/// Whether anything arrives.
pub(crate) fn received(socket: &UdpSocket) -> bool {
    socket.recv(&mut [0; 64]).is_ok()
}

/// Whether a packet with a marker arrives.
pub(crate) fn sent(from: &Container, to: &Container, receiver: &UdpSocket, marker: &str) -> bool {
    from.inside(|| send(to.address(), marker)).is_ok() && received(receiver)
}
