//! What `weft status` says of the rules of this host.

use super::{
    finding::{CheckState, Finding, Mend},
    judge::{self, Between},
    look,
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

/// What the rules of this host do to packets, in a sentence.
pub(crate) enum OwnRules {
    /// They drop them; and how to fix that.
    Drop(String),
    /// It is none of these.
    Pass(String),
}

/// What they do to VXLAN packets of `peers`, which do not get here, or from here to there. Nothing if there are none, or if
/// the rules cannot be read, as without root.
pub(crate) async fn vxlan(vtep: IpAddr, port: u16, peers: Vec<IpAddr>) -> Option<OwnRules> {
    if peers.is_empty() || !rustix::process::geteuid().is_root() {
        return None;
    }
    let underlay = look::underlay(Some(vtep));
    let read = async { (look::read_filter().await, look::firewalld_zone(underlay.as_ref()).await) };
    let (filter, zone) = timeout(DEADLINE, read).await.ok()?;
    let between =
        Between { underlay: underlay.as_ref(), filter: &filter.ok()?, zone: zone.as_deref(), peers };
    let passes = || {
        format!(
            "this host's own rules let {port}/udp through, as far as can be told: `weft doctor` on the other host \
             looks at that one's"
        )
    };
    Some(sentence(&between.vxlan(port)).map_or_else(|| OwnRules::Pass(passes()), OwnRules::Drop))
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
