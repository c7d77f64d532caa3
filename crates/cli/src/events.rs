//! `weft events`: what happened in the cluster, and what happens.

mod filter;
mod time;

pub(crate) use time::Moment;

use crate::{
    client::{Client, part},
    output::{Format, Out},
};
use anyhow::Context;
use filter::EventFilter;
use std::process::ExitCode;
use weft_model::{Event, Timestamp};

/// The longest line that an agent sends, in bytes: it writes no longer ones.
const LONGEST: usize = 1 << 20;

/// Say what happened in the cluster, as this host's agent noticed it.
///
/// Hosts that came and went (node: up, down, expired, left), what was put on networks and taken off (endpoint: attached,
/// detached, moved, cut-off, restored), networks (created, removed), paths to other hosts (lost, mended), and the store (lost, back, rebuilding, rebuilt). The agent
/// keeps the last few ten thousand. What happened while it did not run is told at the time it noticed.
#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// Go on with what happens; without --since, only with that
    #[arg(short, long)]
    follow: bool,
    /// Only since then: 10m, 2h, 2026-11-30T14:02:00Z, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only until then; with --follow, end then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only those that match: type=, event=, network=, node=, name=, container=. Of several of one field, one has to match
    #[arg(long, value_name = "FIELD=VALUE")]
    filter: Vec<EventFilter>,
    /// How to write it: for people, or for programs as a line of JSON each
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Events {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let now = Timestamp::now();
        let mut path = format!("/weft/v1/events?follow={}", self.follow);
        for (name, moment) in [("since", self.since), ("until", self.until)] {
            if let Some(moment) = moment {
                path += &format!("&{name}={}", part(&moment.before(now).to_string()));
            }
        }
        let mut lines = Lines::default();
        client
            .stream(hyper::Method::GET, &path, |bytes| {
                lines.add(bytes);
                while let Some(line) = lines.next() {
                    self.show(&line, &mut out)?;
                }
                lines.check()
            })
            .await?;
        Ok(ExitCode::SUCCESS)
    }

    fn show(&self, line: &[u8], out: &mut Out) -> anyhow::Result<()> {
        let event: Event = match serde_json::from_slice(line) {
            Ok(event) => event,
            // Of a kind that a later version has.
            Err(_) if serde_json::from_slice::<serde_json::Value>(line).is_ok() => return Ok(()),
            Err(error) => return Err(error).context("the agent sent what is no event"),
        };
        if !filter::matches(&self.filter, &event) {
            return Ok(());
        }
        out.line(match self.format {
            Format::Json => serde_json::to_string(&event)?,
            Format::Table => text(&event),
        })
    }
}

/// All events that the agent has kept, oldest first.
pub(crate) async fn kept(client: &Client) -> anyhow::Result<Vec<Event>> {
    let (mut lines, mut events) = (Lines::default(), Vec::new());
    let until = part(&Timestamp::now().to_string());
    let path = format!("/weft/v1/events?until={until}");
    client
        .stream(hyper::Method::GET, &path, |bytes| {
            lines.add(bytes);
            // One of a kind that a later version has says nothing of endpoints.
            events.extend(
                std::iter::from_fn(|| lines.next()).filter_map(|line| serde_json::from_slice(&line).ok()),
            );
            lines.check()
        })
        .await?;
    Ok(events)
}

/// Lines that arrive in pieces.
#[derive(Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next line that is whole, without its end.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let rest = self.0.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.0, rest);
        line.pop();
        Some(line)
    }

    /// Refuses a line that does not end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.len() <= LONGEST, "the agent sent a line of more than {LONGEST} bytes");
        Ok(())
    }
}

/// An event as `docker events` writes one.
fn text(event: &Event) -> String {
    let or_none = |value: Option<String>, name: &str| value.map(|value| format!("{name}={value}"));
    let id = event.id.as_ref().map(|id| crate::output::short(id, false));
    let container = event.container.as_ref().map(|id| crate::output::short(id, false));
    let details = [
        or_none(id, "id"),
        or_none(event.network.as_ref().map(ToString::to_string), "network"),
        or_none(event.node.as_ref().map(ToString::to_string), "node"),
        or_none(event.from.as_ref().map(ToString::to_string), "from"),
        (!event.addresses.is_empty()).then(|| format!("addresses={}", event.addresses.join(","))),
        or_none(event.mac.map(|mac| mac.to_string()), "mac"),
        or_none(container, "container"),
        or_none(event.reason.clone(), "reason"),
    ];
    let details: Vec<String> = details.into_iter().flatten().collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    // Names came from others.
    crate::output::one_line(&format!(
        "{:.3} {} {} {}{details}",
        event.time, event.kind, event.action, event.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_model::{EventAction, EventKind};

    #[test]
    fn lines_arrive_in_pieces() {
        let mut lines = Lines::default();
        let mut got = Vec::new();
        for piece in ["a", "b\nc\n", "", "d"] {
            lines.add(piece.as_bytes());
            got.extend(std::iter::from_fn(|| lines.next()));
        }
        assert_eq!(got, [b"ab".to_vec(), b"c".to_vec()]);
        lines.add(&vec![b'x'; LONGEST]);
        assert!(lines.check().is_err());
    }

    #[test]
    fn people_read_it_as_dockers() {
        let time = "2026-11-30T14:02:11.1234567Z".parse().unwrap();
        let event = Event {
            network: Some("overlay".parse().unwrap()),
            node: Some("host2".parse().unwrap()),
            from: Some("host1".parse().unwrap()),
            ..Event::new(time, EventKind::Endpoint, EventAction::Moved, "we\u{1b}b")
        }
        .at(["10.0.0.2".parse().unwrap()]);
        assert_eq!(
            text(&event),
            "2026-11-30T14:02:11.123Z endpoint moved we\\u{1b}b (network=overlay, node=host2, from=host1, addresses=10.0.0.2)"
        );
        let event = Event::new(time, EventKind::Store, EventAction::Back, "embedded");
        assert_eq!(text(&event), "2026-11-30T14:02:11.123Z store back embedded");
    }
}
