//! Published UDP ports that lead elsewhere than they did.

use std::collections::BTreeSet;
use weft_datapath::{Datapath, StaleFlows};
use weft_model::{Protocol, chain};
use weft_plan::{Desired, Publish};

/// How often it is tried to have flows forgotten, each time that ports change: reading them may take seconds.
const ATTEMPTS: usize = 3;

/// The published UDP ports that existing flows are known to follow.
#[derive(Debug, Default)]
pub(super) struct Publications {
    known: Option<BTreeSet<Publish>>,
    failed: usize,
}

impl Publications {
    /// Has flows forgotten that follow other ports than are published now, after the rules were changed.
    pub(super) async fn follow(&mut self, desired: &Desired, datapath: &dyn Datapath) {
        let now = published(desired);
        if let Some(stale) = stale(self.known.as_ref(), &now) {
            match datapath.forget_flows(stale).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "flows to published UDP ports go where they should now"),
                Err(error) => {
                    self.failed += 1;
                    if self.failed < ATTEMPTS {
                        return;
                    }
                    tracing::warn!(
                        error = chain(&error),
                        "cannot look at flows from before to published UDP ports: who goes on sending may be led where \
                         they led before"
                    );
                }
            }
        }
        *self = Self { known: Some(now), failed: 0 };
    }
}

/// The ports that lead to a container: those of a segment with a way out.
fn published(desired: &Desired) -> BTreeSet<Publish> {
    let gateways =
        || desired.segments.values().filter(|segment| segment.egress).flat_map(|segment| &segment.gateways);
    let leads = |publish: &&Publish| {
        publish.protocol == Protocol::Udp && gateways().any(|gateway| gateway.contains(&publish.target.ip()))
    };
    desired.publish.iter().filter(leads).cloned().collect()
}

/// What may go on as before, though the ports have changed. An agent that has just started does not know which there
/// were: what goes where it should is left alone.
fn stale(before: Option<&BTreeSet<Publish>>, now: &BTreeSet<Publish>) -> Option<StaleFlows> {
    let changed: Vec<_> =
        before.into_iter().flat_map(|before| before.symmetric_difference(now)).cloned().collect();
    let first = before.is_none() && !now.is_empty();
    (first || !changed.is_empty()).then(|| StaleFlows { published: now.iter().cloned().collect(), changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(targets: &[&str]) -> BTreeSet<Publish> {
        let publish = |target: &&str| Publish {
            protocol: Protocol::Udp,
            host_ip: None,
            host_port: 53,
            target: target.parse().unwrap(),
        };
        targets.iter().map(publish).collect()
    }

    #[test]
    fn flows_are_looked_at_when_ports_change() {
        let [none, one, two] = [ports(&[]), ports(&["10.0.0.2:53"]), ports(&["10.0.0.3:53"])];
        let changed = |before, now| stale(before, now).map(|stale| stale.changed.len());
        assert_eq!(changed(None, &none), None, "there is nothing to lead elsewhere");
        assert_eq!(changed(None, &one), Some(0), "those that go where they should go on");
        assert_eq!(changed(Some(&one), &one), None);
        assert_eq!(changed(Some(&none), &one), Some(1));
        assert_eq!(changed(Some(&one), &none), Some(1));
        assert_eq!(changed(Some(&one), &two), Some(2));
        assert_eq!(stale(Some(&one), &two).unwrap().published.len(), 1);
    }
}
