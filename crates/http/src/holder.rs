//! Which program has a port, for the message that it is taken.

use std::{collections::BTreeSet, fmt, fs, net::IpAddr, path::Path};

/// What a TCP socket is in the kernel's tables while it listens (`TCP_LISTEN` of include/net/tcp_states.h).
const LISTENS: &str = "0A";
/// What a UDP socket is there that is connected to nobody (`TCP_CLOSE`).
const UNCONNECTED: &str = "07";

/// What a port is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Who has a port of this host's network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A program.
    Program {
        /// Its name.
        name: String,
        /// Its process id.
        pid: u32,
    },
    /// No program that this one may look at: the kernel itself, as for a VXLAN device, or a program of another user's or
    /// in another container.
    Unseen,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Program { name, pid } => write!(f, "{name} (pid {pid})"),
            Self::Unseen => f.write_str("another program"),
        }
    }
}

/// Who listens on a port of this host where a socket on `address` would, as far as this process may see.
pub fn holder(protocol: Protocol, address: IpAddr, port: u16) -> Holder {
    let (tables, state) = match protocol {
        Protocol::Tcp => (["/proc/self/net/tcp", "/proc/self/net/tcp6"], LISTENS),
        Protocol::Udp => (["/proc/self/net/udp", "/proc/self/net/udp6"], UNCONNECTED),
    };
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| listening(table, (address, port), state))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() { Holder::Nobody } else { program(&sockets).unwrap_or(Holder::Unseen) }
}

/// The program that has one of these sockets.
fn program(sockets: &BTreeSet<String>) -> Option<Holder> {
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse::<u32>().ok()
    });
    // The first that had it, of several that share it.
    let pid = processes.filter(|pid| holds(*pid, sockets)).min()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name.trim().chars().filter(|letter| !letter.is_control()).collect();
    Some(Holder::Program { name, pid })
}

/// The inodes of the sockets in this state that are in the way of one on `address` and `port`, by a table of the kernel
/// (proc(5), `/proc/net/tcp`).
fn listening<'t>(
    table: &'t str,
    (address, port): (IpAddr, u16),
    state: &'t str,
) -> impl Iterator<Item = u64> + 't {
    table.lines().filter_map(move |line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (on, local) = fields.get(1)?.rsplit_once(':')?;
        let on = parse_address(on)?;
        let same_place = on == address || on.is_unspecified() || address.is_unspecified();
        let is_it = same_place
            && u16::from_str_radix(local, 16) == Ok(port)
            && fields.get(3).is_some_and(|is| *is == state);
        is_it.then(|| fields.get(9)?.parse().ok())?
    })
}

/// An address as the kernel prints it: words of 32 bits, each in the order of this machine.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(IpAddr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// One that ended meanwhile, or that cannot be looked at, holds nothing.
fn holds(pid: u32, sockets: &BTreeSet<String>) -> bool {
    let Ok(open) = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")) else { return false };
    open.flatten().any(|file| {
        let target = fs::read_link(file.path());
        target.is_ok_and(|target| target.to_str().is_some_and(|target| sockets.contains(target)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    #[test]
    #[cfg(target_endian = "little")]
    fn what_listens_is_told_from_what_is_connected() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:0948 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 35748 1 x\n   1: 0100007F:0948 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 35749 1 x\n   2: 0100007F:0949 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 35750 1 x\n   3: nonsense\n";
        let on = |address: &str, port| {
            listening(table, (address.parse().unwrap(), port), LISTENS).collect::<Vec<_>>()
        };
        assert_eq!((on("127.0.0.1", 2376), on("0.0.0.0", 2376)), (vec![35748], vec![35748]));
        assert!(on("127.0.0.1", 80).is_empty() && on("192.0.2.1", 2376).is_empty());
    }

    #[test]
    fn this_program_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = format!("(pid {})", std::process::id());
        assert!(holder(Protocol::Tcp, Ipv4Addr::LOCALHOST.into(), port).to_string().ends_with(&own));
        drop(listener);
        assert_eq!(holder(Protocol::Tcp, Ipv4Addr::LOCALHOST.into(), port), Holder::Nobody);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(holder(Protocol::Udp, Ipv4Addr::LOCALHOST.into(), port).to_string().ends_with(&own));
    }
}
