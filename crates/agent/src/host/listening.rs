//! What programs listen on, as the kernel tells it in text (`Documentation/networking/proc_net_tcp.rst`).

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
};
use weft_model::{Protocol, ServicePort};

/// An address that programs listen on, and the port.
pub(crate) type Listener = (IpAddr, ServicePort);

/// `TCP_LISTEN`, and what a UDP socket has that is not connected (`TCP_CLOSE`): `include/net/tcp_states.h`.
const STATES: [(Protocol, &str, [&str; 2]); 2] =
    [(Protocol::Tcp, "0A", ["tcp", "tcp6"]), (Protocol::Udp, "07", ["udp", "udp6"])];

/// How many sockets of a table are looked at: those that listen are the first of TCP's, and a container may have a million more.
const MOST: usize = 65_536;

/// What is listened on in the network namespace that the thread is in. Of a kernel without IPv6 there is no table for it.
pub(super) fn listening() -> BTreeSet<Listener> {
    let of = |(protocol, state, tables): (Protocol, &'static str, [&'static str; 2])| {
        let open = |table| File::open(format!("/proc/thread-self/net/{table}")).ok();
        let tables = tables.into_iter().filter_map(open).map(BufReader::new);
        tables.flat_map(|table| listeners(table, protocol, state)).collect::<Vec<_>>()
    };
    STATES.into_iter().flat_map(of).collect()
}

/// Those of one table, which has a line of headings.
fn listeners(table: impl BufRead, protocol: Protocol, state: &str) -> Vec<Listener> {
    let of_line = |line: String| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, _, found) = (words.next()?, words.next()?, words.next()?);
        let (address, port) = local.split_once(':')?;
        let port = NonZeroU16::new(u16::from_str_radix(port, 16).ok()?)?;
        (found == state).then_some((address_of(address)?, ServicePort { port, protocol }))
    };
    table.lines().map_while(Result::ok).skip(1).take(MOST).filter_map(of_line).collect()
}

/// An address: words of four octets, each as this machine has it in memory.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let octets: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(octets).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::TcpListener;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_text_is_read() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n   \
                   1: 0200000A:0050 0300000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 2\n   \
                   2: 00000000:0000 00000000:0000 0A nonsense\n\n 3: x\n";
        let found = listeners(tcp.as_bytes(), Protocol::Tcp, "0A");
        assert_eq!(found, [(Ipv4Addr::LOCALHOST.into(), "8080".parse().unwrap())]);
        let tcp6 = "headings\n 0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A\n \
                    1: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A\n";
        let found: Vec<_> = listeners(tcp6.as_bytes(), Protocol::Tcp, "0A")
            .into_iter()
            .map(|(ip, port)| format!("{ip} {port}"))
            .collect();
        assert_eq!(found, ["::1 80/tcp", ":: 443/tcp"]);
    }

    #[test]
    fn a_listener_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let port = ServicePort { port: NonZeroU16::new(address.port()).unwrap(), protocol: Protocol::Tcp };
        assert!(listening().contains(&(address.ip(), port)));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(table: String) {
            listeners(table.as_bytes(), Protocol::Tcp, "0A");
        }

        #[test]
        fn nor_does_an_address(text in "[0-9A-Fa-f:é]{0,40}") {
            address_of(&text);
        }
    }
}
