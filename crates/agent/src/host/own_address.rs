//! Whether an address can be answered from.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

/// Fails while `address`, on the loopback device, is not an address of the calling thread's network namespace.
///
/// In a namespace in which no device was ever up the kernel lets a socket be bound to any address, and sends what it
/// answers from another one, for ever (`__inet_dev_addr_type`, net/ipv4/fib_frontend.c: without a table of local
/// addresses every address counts as a broadcast address). A client that asks this address waits in vain.
///
/// # Errors
/// The kernel's, "Network is unreachable" mostly: the loopback device is down.
pub(super) fn answers_from(address: SocketAddr) -> io::Result<()> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.connect(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_netlink::{LinkSetting, Socket, set_link, unshare_network};

    #[test]
    fn an_address_of_a_loopback_device_that_is_down_is_not_answered_from() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root makes network namespaces");
            return;
        }
        let ask = || {
            unshare_network().unwrap();
            let address = SocketAddr::from(([127, 0, 0, 11], 53));
            assert!(UdpSocket::bind(address).is_ok(), "the kernel refuses by itself: this is needed no more");
            assert!(answers_from(address).is_err());
            let mut socket = Socket::open().unwrap();
            let loopback = socket.link_index("lo").unwrap();
            socket.request(set_link(loopback, LinkSetting::Up(true))).unwrap();
            answers_from(address).unwrap();
        };
        std::thread::spawn(ask).join().unwrap();
    }
}
