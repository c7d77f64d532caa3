//! What `weft status` says of the rules of this host.

use super::{
    finding::{CheckState, Finding, Mend},
    judge, look,
};
use std::{net::IpAddr, time::Duration};
use tokio::time::timeout;

/// How long reading the rules may take: a request for the status waits for it.
const DEADLINE: Duration = Duration::from_secs(2);

/// Which rules drop packets that containers here send out or publish, and how to fix that. Nothing if the packets pass,
/// if this network namespace has no uplinks, or if the rules cannot be read, as without root.
pub(crate) async fn forwarding(vtep: IpAddr) -> Option<String> {
    let families = look::uplinks();
    if families.is_empty() || !rustix::process::geteuid().is_root() {
        return None;
    }
    let filter = timeout(DEADLINE, look::read_filter()).await.ok()?.ok()?;
    sentence(&judge::others(look::underlay(Some(vtep)).as_ref(), &filter, &families))
}

fn sentence(finding: &Finding) -> Option<String> {
    let mends: Vec<String> = finding
        .mend
        .iter()
        .map(|mend| match mend {
            Mend::Command(command) => command.to_string(),
            Mend::ByHand(text) => text.clone(),
        })
        .collect();
    let what = &finding.what;
    (finding.state != CheckState::Ok).then(|| format!("{what}; what mends it: {}", mends.join("; ")))
}
