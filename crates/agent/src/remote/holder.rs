//! Which program has a port, for the message that it is taken.

use std::{collections::BTreeSet, fs, path::Path};

/// What a socket is in the kernel's tables while it listens (`TCP_LISTEN` of include/net/tcp_states.h).
const LISTENS: &str = "0A";

/// The program that listens on a TCP port of this host, as `dockerd (pid 123)`, if it can be found.
pub(super) fn of(port: u16) -> Option<String> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| listening(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse::<u32>().ok()
    });
    // The first that had it, of several that share it.
    let holder = processes.filter(|pid| holds(*pid, &sockets)).min()?;
    let name = fs::read_to_string(format!("/proc/{holder}/comm")).unwrap_or_default();
    let name: String = name.trim().chars().filter(|letter| !letter.is_control()).collect();
    Some(format!("{name} (pid {holder})"))
}

/// The inodes of the sockets that listen on a port, by a table of the kernel (proc(5), `/proc/net/tcp`).
fn listening(table: &str, port: u16) -> impl Iterator<Item = u64> + '_ {
    table.lines().filter_map(move |line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local, 16) == Ok(port) && fields.get(3) == Some(&LISTENS);
        is_it.then(|| fields.get(9)?.parse().ok())?
    })
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
    use std::net::TcpListener;

    #[test]
    fn what_listens_is_told_from_what_is_connected() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:0948 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 35748 1 x\n   1: 0100007F:0948 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 35749 1 x\n   2: 0100007F:0949 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 35750 1 x\n   3: nonsense\n";
        assert_eq!(listening(table, 2376).collect::<Vec<_>>(), [35748]);
        assert_eq!(listening(table, 80).count(), 0);
    }

    #[test]
    fn this_program_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = format!("(pid {})", std::process::id());
        assert!(of(port).unwrap().ends_with(&own));
        drop(listener);
        assert_eq!(of(port), None);
    }
}
