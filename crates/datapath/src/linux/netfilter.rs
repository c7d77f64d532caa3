//! The packet filter, set by `nft`, which alone knows how to compile rules for each kernel.

use rustix::io::Errno;
use std::{io, process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command};
use weft_netlink::NetlinkError;
use weft_plan::RulesetMark;

/// Removes the table, whether it is there or not.
pub(crate) const DELETE: &str = "add table inet weft\ndelete table inet weft\n";

const DEADLINE: Duration = Duration::from_secs(5);

/// Hands `script` to `nft`: all of it takes effect, or nothing.
pub(crate) async fn run(script: &str) -> Result<(), String> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .env("PATH", search_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no program `nft` on this host: containers have no way out and \
                                        no published ports; install the package nftables"
                    .to_owned()
            }
            _ => format!("cannot start `nft`: {error}"),
        })?;
    let run = async {
        if let Some(mut stdin) = nft.stdin.take() {
            // A program that ends early says why on its standard error.
            let _ = stdin.write_all(script.as_bytes()).await;
        }
        nft.wait_with_output().await
    };
    let output = tokio::time::timeout(DEADLINE, run)
        .await
        .map_err(|_| format!("`nft` did not end within {DEADLINE:?}"))?
        .map_err(|error| format!("cannot wait for `nft`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`nft` failed ({}): {}", output.status, said.trim()))
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
