//! Whether the kernel holds exactly what it should: what looking at it has shown, and since when.

use jiff::Timestamp;
use std::collections::BTreeMap;
use weft_model::{NetworkId, TunnelKey};
use weft_plan::{Desired, Differences, Netns, Observed, Plan, differences};
use weft_verbs::Drift;

/// What the last look at the kernel has shown. Never what a round believes it has brought about.
#[derive(Debug, Clone)]
pub(crate) struct KernelDrift {
    /// When the kernel was looked at.
    pub(crate) at: Timestamp,
    /// Why looking again failed since then.
    pub(crate) error: Option<String>,
    /// How each network that should be here is, and under `None` what is of the host as a whole.
    pub(crate) parts: BTreeMap<Option<NetworkId>, Drift>,
    /// The MTU of each network that should be here, in bytes.
    pub(crate) mtus: BTreeMap<NetworkId, u32>,
    /// The other ends of tunnels that do not answer, and since when.
    pub(crate) silent: BTreeMap<TunnelKey, Timestamp>,
}

impl KernelDrift {
    /// What a look at the kernel shows, after `before`.
    pub(super) fn seen(
        before: Option<&Self>,
        at: Timestamp,
        (desired, observed, plan): (&Desired, &Observed, &Plan),
    ) -> Self {
        let stands = |(network, differences): (Option<NetworkId>, Differences)| {
            let before = before.and_then(|before| before.parts.get(&network));
            let drift = if differences.is_empty() {
                Drift { differences, agreed: Some(at), differs_since: None }
            } else {
                let differs_since = before.and_then(|before| before.differs_since).or(Some(at));
                Drift { differences, agreed: before.and_then(|before| before.agreed), differs_since }
            };
            (network, drift)
        };
        let parts = differences(desired, observed, plan).into_iter().map(stands).collect();
        let mtus = desired.segments.values().map(|segment| (segment.network, segment.mtu)).collect();
        let links =
            observed.namespaces.get(&Netns::Tunnel).into_iter().flat_map(|tunnel| tunnel.links.values());
        let since = |key: &TunnelKey| before.and_then(|before| before.silent.get(key).copied()).unwrap_or(at);
        let silent = links.flat_map(|link| &link.silent).map(|key| (*key, since(key))).collect();
        Self { at, error: None, parts, mtus, silent }
    }

    /// The same, with the reason why it is not known any better.
    pub(super) fn failed(self, why: &str) -> Self {
        Self { error: Some(why.to_owned()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_model::Vni;
    use weft_plan::{Namespace, plan};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn it_is_known_since_when_and_until_when() {
        let desired = Desired::default();
        let look = |before: Option<&KernelDrift>, second, kernel: &Observed| {
            KernelDrift::seen(before, at(second), (&desired, kernel, &plan(&desired, kernel)))
        };
        let clean =
            Observed { namespaces: [(Netns::Host, Namespace::default())].into(), ..Default::default() };
        let mut littered = clean.clone();
        let leftover = Netns::Segment(Vni::FIRST_AUTOMATIC);
        littered.namespaces.insert(leftover, Namespace::default());

        let first = look(None, 1, &littered);
        let times = |kernel: &KernelDrift| {
            let host = &kernel.parts[&None];
            (host.agreed, host.differs_since)
        };
        assert_eq!(times(&first), (None, Some(at(1))), "it was never seen to agree");
        let second = look(Some(&first), 2, &clean);
        assert_eq!(times(&second), (Some(at(2)), None));
        let third = look(Some(&second), 3, &littered);
        let fourth = look(Some(&third), 4, &littered);
        assert_eq!(times(&fourth), (Some(at(2)), Some(at(3))));
        assert_eq!(fourth.parts[&None].differences.extra, 1);

        let failed = fourth.clone().failed("the kernel does not answer");
        assert_eq!((failed.at, times(&failed)), (at(4), times(&fourth)), "as old as it is");
        assert_eq!(failed.error.as_deref(), Some("the kernel does not answer"));
        assert_eq!(look(Some(&failed), 5, &clean).error, None);
    }
}
