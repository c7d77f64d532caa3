//! `weft ping`: small packets to a host or a container, and how long their answers take.

use crate::{
    client::{Client, part},
    completion,
    interval::seconds,
    output::{Format, Out},
};
use serde::Serialize;
use std::{net::IpAddr, process::ExitCode, time::Duration};
use tokio::{signal::ctrl_c, time::MissedTickBehavior};
use weft_api::v1;
use weft_model::{EndpointName, Timestamp};

/// Send packets to a host or a container, and say how long their answers take.
///
/// To a host they go the very way that containers' packets go (VXLAN), from agent to agent; to a container, as ICMP echo, from
/// the network namespace of one of this host that is on a network with it. Ends with Ctrl-C, or after --count. Fails if no
/// answer came.
#[derive(Debug, clap::Args)]
pub(crate) struct Ping {
    /// A host, or a container by its name, address or id
    #[arg(value_name = "HOST|CONTAINER")]
    #[arg(add = completion::containers_and_nodes())]
    to: String,
    /// The container of this host that sends them
    #[arg(long, value_name = "CONTAINER")]
    #[arg(add = completion::containers_here())]
    from: Option<String>,
    /// How many
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// From packet to packet, in seconds
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// How large each is, in bytes, with the IP header and without Ethernet's, as an MTU counts
    #[arg(short, long, value_name = "BYTES")]
    size: Option<u16>,
    /// How to write it: for people, or for programs as a line of JSON each
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What came of all packets.
#[derive(Default)]
struct Sum {
    sent: u64,
    received: u64,
    /// Of those that were answered, in microseconds.
    least: u64,
    most: u64,
    total: u64,
    /// The container that sent them.
    from: Option<EndpointName>,
}

impl Ping {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        client.must_be_here("`weft ping`")?;
        let given = [("from", self.from.clone()), ("size", self.size.map(|size| size.to_string()))];
        let given = given.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", part(&value?))));
        let path = format!("/weft/v1/ping?to={}{}", part(&self.to), given.collect::<String>());
        let (mut sum, mut ended) = (Sum::default(), std::pin::pin!(ctrl_c()));
        let mut turns = tokio::time::interval(self.interval);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.count.is_none_or(|count| sum.sent < count) {
            let pinged = async {
                turns.tick().await;
                client.get::<v1::Pinged>(&path).await
            };
            let pinged = tokio::select! {
                pinged = pinged => pinged,
                _ = ended.as_mut() => break,
            };
            let outcome = match pinged {
                Ok(pinged) => Outcome::Pinged(pinged),
                Err(error) if sum.sent == 0 => return Err(error.into()),
                // It went down, or the agent did: what came before is not for nothing.
                Err(error) => Outcome::Refused { error: weft_model::chain(&error) },
            };
            sum.add(&outcome);
            match self.format {
                Format::Json => {
                    let line = Line { seq: sum.sent, at: Timestamp::now(), outcome: &outcome };
                    out.line(serde_json::to_string(&line)?)?;
                }
                Format::Table => {
                    if let (1, Outcome::Pinged(pinged)) = (sum.sent, &outcome) {
                        out.line(heading(pinged))?;
                    }
                    out.line(self.line(sum.sent, &outcome))?;
                }
            }
        }
        if self.format == Format::Table {
            out.line(sum.text(&self.to))?;
        }
        Ok(if sum.received == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn line(&self, number: u64, outcome: &Outcome) -> String {
        let v1::Pinged { name, address, size, round_trip_us, why, .. } = match outcome {
            Outcome::Pinged(pinged) => pinged,
            Outcome::Refused { error } => return format!("{}: seq={number} {error}", self.to),
        };
        match (round_trip_us, why) {
            (Some(took), _) => {
                format!("{size} bytes from {name} ({address}): seq={number} time={} ms", ms(*took))
            }
            (None, Some(why)) => format!("{name} ({address}): seq={number} {why}"),
            (None, None) => format!("no answer from {name} ({address}) within 1 s: seq={number}"),
        }
    }
}

/// What came of one packet.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Pinged(v1::Pinged),
    /// Why the agent did not say.
    Refused {
        error: String,
    },
}

/// The same for programs.
#[derive(Serialize)]
struct Line<'o> {
    seq: u64,
    at: Timestamp,
    #[serde(flatten)]
    outcome: &'o Outcome,
}

fn heading(pinged: &v1::Pinged) -> String {
    let v1::Pinged { name, address, node, from, size, .. } = pinged;
    match (node, from) {
        (Some(node), Some(from)) => format!("PING {name} ({address}) on {node}, from {from}: {size} bytes"),
        _ => {
            let host =
                if let IpAddr::V6(address) = address { format!("[{address}]") } else { address.to_string() };
            format!("PING host {name} ({host}) by VXLAN: {size} bytes")
        }
    }
}

/// Microseconds as milliseconds.
fn ms(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.sent += 1;
        let Outcome::Pinged(pinged) = outcome else { return };
        self.from = pinged.from.clone().or(self.from.take());
        let Some(took) = pinged.round_trip_us else { return };
        self.least = if self.received == 0 { took } else { self.least.min(took) };
        self.most = self.most.max(took);
        self.received += 1;
        self.total = self.total.saturating_add(took);
    }

    fn text(&self, to: &str) -> String {
        let Self { sent, received, least, most, total, from } = self;
        let lost = 100 * (sent - received) / sent.max(&1);
        let head = format!(
            "\n--- {to} ping statistics ---\n{sent} packets transmitted, {received} received, {lost}% packet loss"
        );
        match (total.checked_div(*received), from) {
            (Some(mean), _) => {
                format!("{head}\nrtt min/avg/max = {}/{}/{} ms", ms(*least), ms(mean), ms(*most))
            }
            (None, _) if *sent == 0 => head,
            (None, Some(from)) => format!("{head}\n`weft explain {from} {to}` says why"),
            (None, None) => format!("{head}\n`weft status` says what is known of the way, here and there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinged(took: Option<u64>, from: Option<&str>) -> Outcome {
        Outcome::Pinged(v1::Pinged {
            name: "host2".to_owned(),
            address: [192, 0, 2, 2].into(),
            node: None,
            from: from.map(|from| from.parse().unwrap()),
            size: 76,
            round_trip_us: took,
            why: None,
        })
    }

    #[test]
    fn it_reads_as_ping_does() {
        let mut sum = Sum::default();
        [Some(300), None, Some(1500), Some(1200)].into_iter().for_each(|took| sum.add(&pinged(took, None)));
        let expected = "\n--- host2 ping statistics ---\n4 packets transmitted, 3 received, 25% packet loss\n\
                        rtt min/avg/max = 0.300/1.000/1.500 ms";
        assert_eq!(sum.text("host2"), expected);
        let mut none = Sum::default();
        none.add(&pinged(None, Some("a")));
        assert!(none.text("b").ends_with("0 received, 100% packet loss\n`weft explain a b` says why"));
    }
}
