//! Packets that a host drops: cables that are cut, also in one direction only.

use crate::host::Host;
use std::{io::Write, process::Stdio};

/// Which of a host's packets get lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Those that come.
    In,
    /// Those that go.
    Out,
}

impl Host {
    /// Drops all packets from or to `others` silently, also those of open connections, until [`mend`](Self::mend).
    #[track_caller]
    pub fn cut(&self, way: Way, others: &[&Host]) {
        let (hook, side) = match way {
            Way::In => ("input", "saddr"),
            Way::Out => ("output", "daddr"),
        };
        let mut rules = format!(
            "add table inet testbed-cut\n\
             add chain inet testbed-cut {hook} {{ type filter hook {hook} priority -500; }}\n"
        );
        for other in others {
            rules.push_str(&format!("add rule inet testbed-cut {hook} ip {side} {} drop\n", other.address()));
            rules.push_str(&format!(
                "add rule inet testbed-cut {hook} ip6 {side} {} drop\n",
                other.address6()
            ));
        }
        self.nft(&rules);
    }

    /// Mends what was [`cut`](Self::cut).
    #[track_caller]
    pub fn mend(&self) {
        // A table must be there to be deleted; adding one that is there changes nothing.
        self.nft("add table inet testbed-cut\ndelete table inet testbed-cut\n");
    }

    #[track_caller]
    fn nft(&self, rules: &str) {
        let mut nft =
            self.command("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().expect("nsenter runs");
        nft.stdin.take().expect("it was piped").write_all(rules.as_bytes()).expect("nft reads its rules");
        assert!(nft.wait().expect("nft ends").success(), "{}: nft refused:\n{rules}", self.name());
    }
}
