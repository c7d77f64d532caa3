//! What goes through the endpoints of this node, all of a network together: how many series there are does not depend on how
//! many containers there are.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use weft_model::{Amount, EndpointId, NetworkName, Traffic};
use weft_verbs::EndpointTraffic;

type ByNetwork = Family<[(&'static str, String); 1], Counter>;

/// What was counted since the agent was first asked.
#[derive(Debug, Default)]
pub(crate) struct TrafficCounts {
    received: Counts,
    sent: Counts,
    /// What the kernel had counted when it was last looked at; absent before that.
    last: Mutex<Option<BTreeMap<EndpointId, (NetworkName, Traffic)>>>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: ByNetwork,
    packets: ByNetwork,
    dropped: ByNetwork,
}

impl Counts {
    fn register(&self, registry: &mut Registry, direction: &str, what: &str) {
        let all = [("bytes", &self.bytes), ("packets", &self.packets), ("dropped", &self.dropped)];
        for (kind, family) in all {
            let unit = if kind == "dropped" { "Packets dropped of those" } else { kind };
            let help = format!("{unit} that containers of this host {what} on a network, between scrapes");
            registry.register(format!("network_{direction}_{kind}"), help, family.clone());
        }
    }

    fn add(&self, network: &NetworkName, amount: Amount) {
        let label = [("network", network.to_string())];
        self.bytes.get_or_create(&label).inc_by(amount.bytes);
        self.packets.get_or_create(&label).inc_by(amount.packets);
        self.dropped.get_or_create(&label).inc_by(amount.dropped);
    }

    fn forget(&self, network: &NetworkName) {
        let label = [("network", network.to_string())];
        for family in [&self.bytes, &self.packets, &self.dropped] {
            family.remove(&label);
        }
    }
}

impl TrafficCounts {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let counts = Self::default();
        counts.received.register(registry, "receive", "received");
        counts.sent.register(registry, "transmit", "sent");
        counts
    }

    /// Takes what the kernel has counted of each endpoint here. The sum of a network does not go back where one of them leaves,
    /// and begins anew where none is left.
    pub(crate) fn follow(&self, counted: Vec<EndpointTraffic>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeMap<_, _> =
            counted.into_iter().map(|it| (it.endpoint, (it.network, it.traffic))).collect();
        for (id, (network, traffic)) in &now {
            let before = match &*last {
                // What was before the agent was asked is nobody's rate.
                None => Some(*traffic),
                Some(last) => last.get(id).map(|(_, before)| *before),
            };
            let added = traffic.since(before.unwrap_or_default());
            self.received.add(network, added.received);
            self.sent.add(network, added.sent);
        }
        let here = |network: &NetworkName| now.values().any(|(one, _)| one == network);
        for (network, _) in last.iter().flat_map(BTreeMap::values).filter(|(network, _)| !here(network)) {
            self.received.forget(network);
            self.sent.forget(network);
        }
        *last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_a_network_only_grows() {
        let counts = TrafficCounts::default();
        let of = |id: u8, network: &str, packets: u64| EndpointTraffic {
            endpoint: format!("{id:064x}").parse().unwrap(),
            network: network.parse().unwrap(),
            traffic: Traffic {
                received: Amount { bytes: 100 * packets, packets, dropped: 1 },
                ..Default::default()
            },
        };
        let bytes = |network: &str| {
            let label = [("network", network.to_owned())];
            counts.received.bytes.get(&label).map(|counter| counter.get())
        };
        counts.follow(vec![of(1, "a", 5)]);
        assert_eq!([bytes("a"), bytes("b")], [Some(0), None], "what was before is not counted");
        counts.follow(vec![of(1, "a", 7), of(2, "a", 1), of(3, "b", 2)]);
        assert_eq!([bytes("a"), bytes("b")], [Some(300), Some(200)]);
        counts.follow(vec![of(2, "a", 1), of(3, "b", 1)]);
        assert_eq!([bytes("a"), bytes("b")], [Some(300), Some(300)], "one left, another one was made anew");
        counts.follow(vec![of(2, "a", 2)]);
        assert_eq!([bytes("a"), bytes("b")], [Some(400), None]);
    }
}
