use super::*;
use std::process::Command;

const GATE: Gate<'_> = Gate { table: "weft", port: "vxlan0" };

/// What `nft` makes of this, in the calling thread's network namespace.
fn nft(arguments: &[&str]) -> String {
    let output = Command::new("nft").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_reads_as_it_is_meant_and_is_known_again() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("SKIPPED: this test needs root");
        return;
    }
    let test = || {
        crate::unshare_network().unwrap();
        assert!(!GATE.is_there().unwrap());
        // Twice: the second replaces the first.
        GATE.put().and_then(|()| GATE.put()).unwrap();
        let rules = nft(&["list", "table", "bridge", "weft"]);
        let lines: Vec<&str> = rules.lines().map(str::trim).filter(|line| *line != "}").collect();
        let wanted = [
            "table bridge weft {",
            "comment \"weft gate 1\"",
            "chain input {",
            "type filter hook input priority 0; policy accept;",
            "iifname != \"vxlan0\" accept",
            "meta protocol arp accept",
            "icmpv6 type nd-neighbor-advert accept",
            "drop",
        ];
        // nft leaves out what follows from the next.
        let lines: Vec<_> = lines.iter().map(|line| line.replace("meta protocol ip6 ", "")).collect();
        assert_eq!(lines, wanted, "{rules}");
        assert!(GATE.is_there().unwrap());
        nft(&["flush", "chain", "bridge", "weft", "input"]);
        assert!(!GATE.is_there().unwrap());
    };
    std::thread::spawn(test).join().unwrap();
}
