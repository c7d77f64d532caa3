//! A name server that does nothing: the most that a socket can answer.

use std::net::UdpSocket;

/// Makes this program one, at the address that follows.
pub(crate) const ARGUMENT: &str = "--echo";

/// Sends every query back, marked as an answer (RFC 1035, section 4.1.1), until it is killed.
pub(crate) fn serve(address: &str) {
    let socket = UdpSocket::bind(address).expect("the address is free");
    let mut message = [0; 512];
    loop {
        let (length, peer) = socket.recv_from(&mut message).expect("a socket can be read");
        message[2] |= 0x80;
        let _ = socket.send_to(&message[..length], peer);
    }
}
