//! From two looks at what was counted, how fast it grows.

use crate::output::bytes;
use serde::Serialize;
use std::{collections::BTreeMap, time::Instant};
use weft_api::v1;
use weft_model::{Amount, EndpointId, EndpointName, NetworkName, Traffic};

/// What was counted at one time.
pub(crate) struct Sample {
    at: Instant,
    counted: BTreeMap<EndpointId, Counted>,
}

/// What was counted of an endpoint.
struct Counted {
    name: EndpointName,
    network: NetworkName,
    traffic: Traffic,
}

/// How much goes through an endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct Rates {
    id: EndpointId,
    name: EndpointName,
    network: NetworkName,
    receives: Rate,
    sends: Rate,
    /// Since its interface was made.
    received: Amount,
    sent: Amount,
}

/// How much goes in one direction, each second.
#[derive(Debug, Default, Serialize)]
struct Rate {
    bytes: f64,
    packets: f64,
    dropped: f64,
}

impl Sample {
    /// Of the host that was asked: those of others have nothing counted.
    pub(crate) fn of<'e>(at: Instant, endpoints: impl IntoIterator<Item = &'e v1::Endpoint>) -> Self {
        let counted = endpoints.into_iter().filter_map(|endpoint| {
            let traffic = endpoint.traffic?;
            let (name, network) = (endpoint.name.clone(), endpoint.network_name.clone());
            Some((endpoint.id, Counted { name, network, traffic }))
        });
        Self { at, counted: counted.collect() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.counted.values().any(|one| one.name.as_str() == name)
    }

    /// How fast each has grown since the sample before, the busiest first. One that was not there then has grown by all.
    pub(crate) fn since(&self, before: &Self) -> Vec<Rates> {
        let seconds = self.at.saturating_duration_since(before.at).as_secs_f64().max(0.001);
        let rates = |(id, Counted { name, network, traffic: now }): (&EndpointId, &Counted)| {
            let grown = now.since(before.counted.get(id).map(|one| one.traffic).unwrap_or_default());
            Rates {
                id: *id,
                name: name.clone(),
                network: network.clone(),
                receives: Rate::of(grown.received, seconds),
                sends: Rate::of(grown.sent, seconds),
                received: now.received,
                sent: now.sent,
            }
        };
        let mut all: Vec<Rates> = self.counted.iter().map(rates).collect();
        all.sort_by(|a, b| b.load().total_cmp(&a.load()).then_with(|| a.name.cmp(&b.name)));
        all
    }
}

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "of 2^53 bytes a second, one more or less")]
    fn of(grown: Amount, seconds: f64) -> Self {
        let [bytes, packets, dropped] = [grown.bytes, grown.packets, grown.dropped]
            .map(|count| (count as f64 / seconds * 10.0).round() / 10.0);
        Self { bytes, packets, dropped }
    }

    fn text(&self) -> String {
        format!("{}/s", bytes(whole(self.bytes)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no rate is negative, or that large"
)]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

impl Rates {
    fn load(&self) -> f64 {
        self.receives.bytes + self.sends.bytes
    }

    /// For the page.
    pub(crate) fn rounded(&self) -> weft_web::Rate {
        let (receives, sends) = (whole(self.receives.bytes), whole(self.sends.bytes));
        weft_web::Rate { endpoint: self.id, receives, sends }
    }

    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.name.to_string(),
            self.network.to_string(),
            self.receives.text(),
            self.sends.text(),
            format!("{:.0}/{:.0}/s", self.receives.packets, self.sends.packets),
            format!("{:.0}/s", self.receives.dropped + self.sends.dropped),
            bytes(self.received.bytes),
            bytes(self.sent.bytes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn endpoint(number: u8, name: &str, bytes: u64) -> v1::Endpoint {
        let sent = Amount { bytes, packets: bytes / 100, dropped: 0 };
        serde_json::from_value(serde_json::json!({
            "id": format!("{number:064x}"), "name": name, "network": "0".repeat(64), "network_name": "overlay",
            "mac": "02:42:0a:00:00:02", "node": "host1", "created": "2026-11-30T00:00:00Z",
            "traffic": Traffic { sent, ..Traffic::default() },
        }))
        .unwrap()
    }

    #[test]
    fn the_busiest_come_first() {
        let began = Instant::now();
        let before = Sample::of(began, &[endpoint(1, "a", 1000), endpoint(2, "b", 5000)]);
        let later = [endpoint(1, "a", 1200), endpoint(2, "b", 9000), endpoint(3, "c", 600)];
        let now = Sample::of(began + Duration::from_secs(2), &later);
        let rows: Vec<_> = now.since(&before).iter().map(|rates| rates.row()[..5].join(" ")).collect();
        let expected = [
            "b overlay 0 B/s 2 kB/s 0/20/s",
            "c overlay 0 B/s 300 B/s 0/3/s",
            "a overlay 0 B/s 100 B/s 0/1/s",
        ];
        assert_eq!(rows, expected);
        // An interface that was made anew has counted from zero.
        let anew = Sample::of(began + Duration::from_secs(1), &[endpoint(2, "b", 300)]);
        assert_eq!(anew.since(&before)[0].row()[3], "300 B/s");
    }
}
