//! The packet filter, set by `nft`, which alone knows how to compile rules for each kernel.

use rustix::io::Errno;
use std::{
    io::{self, Write},
    process::Stdio,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};
use tokio::{io::AsyncWriteExt, process::Command};
use weft_netlink::{Gate, NetlinkError};
use weft_plan::RulesetMark;

/// Removes the table, whether it is there or not.
pub(crate) const DELETE: &str = "add table inet weft\ndelete table inet weft\n";

/// Keeps what a segment's VXLAN device brings from its gateway.
pub(super) const GATE: Gate<'static> = Gate { table: "weft", port: "vxlan0" };

/// One of each kind of rule that weft's rulesets have: a kernel that takes it takes them.
pub const SAMPLE_RULES: &str = "table inet weft {
    chain raw {
        type filter hook prerouting priority -300;
        udp dport 4789 @th,96,24 { 256 } ip saddr != { 192.0.2.1 } fib daddr type local drop;
        udp dport 4789 fib daddr type local notrack;
    }
    chain in { type nat hook prerouting priority -100; fib daddr type local tcp dport 80 dnat ip to 192.0.2.1:80; }
    chain out { type nat hook postrouting priority 100; oifname != \"weft-256\" ip saddr 192.0.2.0/24 masquerade; }
    chain sent { type filter hook output priority -300; meta skuid != 0 udp dport 4789 ip daddr { 192.0.2.1 } drop; }
    chain translated { type filter hook postrouting priority 200; ct status snat udp dport 4789 drop; }
    chain sources { iifname \"weft-256\" ip saddr != { 192.0.2.0/24, 192.0.2.1 } drop; }
    chain from { type filter hook prerouting priority -300; iifname { \"weft-256\" } jump sources; }
    chain pass { type filter hook forward priority 0; ct state established,related accept; ct status dnat accept; }
}";

const DEADLINE: Duration = Duration::from_secs(5);
/// The same until `nft` has ended once: the kernel loads a dozen modules for it, each by a program that it starts. That
/// takes 0.2 s, and 12 s on an emulated processor.
const FIRST_DEADLINE: Duration = Duration::from_secs(20);

/// Whether `nft` has ended once.
static LOADED: AtomicBool = AtomicBool::new(false);

/// Has the kernel load what rules need, while nobody waits for it: in a network namespace that ends with the thread. When
/// this returns, no descriptor is open for it any more: the numbers of those that are opened meanwhile would leave gaps.
pub(crate) fn load_modules() {
    let (begun, begins) = mpsc::channel::<()>();
    let load = move || {
        let nft = begin_sample();
        drop(begun);
        if let Err(error) = nft.and_then(|mut nft| nft.wait()) {
            // The first ruleset fails in the same way, and is told then.
            tracing::debug!(%error, "nftables was not tried out");
        }
        LOADED.store(true, Ordering::Relaxed);
    };
    match std::thread::Builder::new().name("nft-modules".to_owned()).spawn(load) {
        // Until it is dropped: nothing is ever sent.
        Ok(_) => drop(begins.recv()),
        Err(error) => tracing::debug!(%error, "nftables was not tried out"),
    }
}

/// Has `nft` begin with the sample, in a network namespace of this thread's own.
fn begin_sample() -> io::Result<std::process::Child> {
    weft_netlink::unshare_network()?;
    let mut nft = nft().stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = nft.stdin.take() {
        // A program that ends early says so by its status.
        let _ = stdin.write_all(SAMPLE_RULES.as_bytes());
    }
    Ok(nft)
}

/// Hands `script` to `nft`: all of it takes effect, or nothing.
pub(crate) async fn run(script: &str) -> Result<(), String> {
    let deadline = if LOADED.load(Ordering::Relaxed) { DEADLINE } else { FIRST_DEADLINE };
    let mut nft = Command::from(nft()).stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(
        |error| match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no program `nft` on this host: containers have no way out and \
                                        no published ports; install the package nftables"
                    .to_owned()
            }
            _ => format!("cannot start `nft`: {error}"),
        },
    )?;
    let run = async {
        if let Some(mut stdin) = nft.stdin.take() {
            // A program that ends early says why on its standard error.
            let _ = stdin.write_all(script.as_bytes()).await;
        }
        nft.wait_with_output().await
    };
    let output = tokio::time::timeout(deadline, run)
        .await
        .map_err(|_| format!("`nft` did not end within {deadline:?}"))?
        .map_err(|error| format!("cannot wait for `nft`: {error}"))?;
    LOADED.store(true, Ordering::Relaxed);
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`nft` failed ({}): {}", output.status, said.trim()))
}

/// `nft`, which reads rules from its standard input.
fn nft() -> std::process::Command {
    let mut nft = std::process::Command::new("nft");
    nft.args(["-f", "-"]).env("PATH", search_path()).stdin(Stdio::piped()).stdout(Stdio::null());
    nft
}

/// Where programs are, and where those for administrators are, which not everybody has on the path.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

/// The mark of the table in the calling thread's namespace.
pub(crate) fn observe() -> Result<Option<RulesetMark>, NetlinkError> {
    match weft_netlink::nft_table("weft") {
        Ok(table) => Ok(table.map(|t| RulesetMark { comment: t.comment, rules: t.rules })),
        // A kernel without nftables has no table of ours. Setting one will say so.
        Err(NetlinkError::Socket { source, .. })
            if source.raw_os_error() == Some(Errno::PROTONOSUPPORT.raw_os_error()) =>
        {
            Ok(None)
        }
        Err(error) if error.errno().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}
