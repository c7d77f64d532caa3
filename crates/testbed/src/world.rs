//! A lab of several hosts, for as long as a test lasts.

use crate::{
    host::Host,
    need::{checkout, need, tool},
};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

/// Several hosts on a network of their own. All of it ends when this is dropped, or the test is killed.
#[derive(Debug)]
pub struct World {
    lab: Child,
    hosts: Vec<Host>,
    /// The lab ends when this closes.
    _lifeline: ChildStdin,
}

impl World {
    /// A world with `hosts` hosts, 9 at most. `None` if this machine cannot have one, which was said then:
    /// the test is to be skipped.
    ///
    /// # Panics
    /// If the machine should be able to, and the lab does not come up.
    #[track_caller]
    pub fn up(hosts: usize) -> Option<Self> {
        let possible = need("root", rustix::process::geteuid().is_root())
            && need("scripts/tools to have been run", tool("consul").is_some() && tool("nft").is_some());
        possible.then(|| Self::start(hosts))
    }

    #[track_caller]
    fn start(hosts: usize) -> Self {
        let mut lab = Command::new(checkout().join("scripts/lab"))
            .args(["up", &hosts.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/lab can be run");
        let lifeline = lab.stdin.take().expect("it was piped");
        let mut said = String::new();
        let stdout = lab.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut said).expect("a pipe can be read");
        assert_eq!(said, "ready\n", "scripts/lab did not come up; its errors are above");
        let hosts = (1..=hosts).map(|number| Host::new(lab.id(), number)).collect();
        Self { lab, hosts, _lifeline: lifeline }
    }

    /// Host number `number`, from 1.
    #[track_caller]
    pub fn host(&self, number: usize) -> &Host {
        &self.hosts[number - 1]
    }

    /// All hosts.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The process of this machine that the world ends with.
    pub fn process(&self) -> u32 {
        self.lab.id()
    }

    /// Cuts the underlay between the hosts of `one` side and those of the `other`, in both directions, as a
    /// broken switch would: packets vanish and nobody is told.
    pub fn partition(&self, one: &[&Host], other: &[&Host]) {
        let mut rules = String::from(
            "add table bridge partition\n\
             add chain bridge partition forward { type filter hook forward priority 0; }\n",
        );
        let pairs = one.iter().flat_map(|one| other.iter().map(move |other| (one.name(), other.name())));
        for (one, other) in pairs {
            for (from, to) in [(one, other), (other, one)] {
                rules.push_str(&format!(
                    "add rule bridge partition forward iifname {from} oifname {to} drop\n"
                ));
            }
        }
        self.nft(&rules);
    }

    /// Mends every partition.
    pub fn heal(&self) {
        // A table must be there to be deleted; adding one that is there changes nothing.
        self.nft("add table bridge partition\ndelete table bridge partition\n");
    }

    /// Feeds `rules` to nft where the underlay is.
    fn nft(&self, rules: &str) {
        let mut nft = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.lab.id()))
            .args(["--", "nft", "-f", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("nsenter can be run");
        nft.stdin.take().expect("it was piped").write_all(rules.as_bytes()).expect("nft reads its rules");
        assert!(nft.wait().expect("nft ends").success(), "nft refused:\n{rules}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The kernel ends everything in the lab with its first process.
        let _ = self.lab.kill();
        let _ = self.lab.wait();
    }
}
