//! `weft history`: what was on the networks at a certain time. What is there now, with what happened since taken back.

use crate::{
    client::Client,
    completion,
    events::{Moment, kept},
    output::{Format, Out, or_dash, short},
};
use anyhow::bail;
use serde::Serialize;
use std::{collections::BTreeMap, process::ExitCode};
use weft_api::v1;
use weft_model::{Event, EventAction, EventKind, Timestamp};

/// Say what was on the networks at a certain time: which containers, with which addresses, on which hosts.
///
/// As far back as this host's agent has kept events (`weft events`), and as exact as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// When: 2026-11-30T14:02:00Z, seconds since 1970, or how long ago, as 24h
    #[arg(long, value_name = "TIME")]
    at: Moment,
    /// Only what was on one network
    #[arg(long, visible_alias = "net")]
    #[arg(add = completion::networks())]
    network: Option<String>,
    /// Only what was on one host
    #[arg(long)]
    #[arg(add = completion::nodes())]
    node: Option<String>,
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Connected {
    id: String,
    name: String,
    network: String,
    node: String,
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

/// By the ids of endpoints.
type All = BTreeMap<String, Connected>;

impl History {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let at = self.at.before(Timestamp::now());
        let endpoints: Vec<v1::Endpoint> = client.get("/weft/v1/endpoints").await?;
        let events = kept(client).await?;
        match events.first() {
            None => bail!("this host's agent has kept no events yet: weft events has none"),
            Some(first) if first.time > at => bail!(
                "nothing is known of {at}: the first event that this host's agent has kept is of {}",
                first.time
            ),
            Some(_) => {}
        }
        let mut all = now(endpoints);
        events.iter().rev().take_while(|event| event.time > at).for_each(|event| take_back(&mut all, event));
        let is_meant = |one: &&Connected| {
            self.network.as_ref().is_none_or(|network| *network == one.network)
                && self.node.as_ref().is_none_or(|node| *node == one.node)
        };
        let mut then: Vec<&Connected> = all.values().filter(is_meant).collect();
        then.sort_by(|a, b| (&a.network, &a.name, &a.id).cmp(&(&b.network, &b.name, &b.id)));
        match self.format {
            Format::Json => out.json(&then)?,
            Format::Table => {
                let headings = ["NETWORK", "NAME", "ADDRESSES", "MAC", "NODE", "CONTAINER"];
                out.table(&headings, then.into_iter().map(row).collect())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn now(endpoints: Vec<v1::Endpoint>) -> All {
    let connected = |endpoint: v1::Endpoint| {
        let id = endpoint.id.to_string();
        let one = Connected {
            id: id.clone(),
            name: endpoint.name.to_string(),
            network: endpoint.network_name.to_string(),
            node: endpoint.node.to_string(),
            addresses: endpoint.addresses().map(|address| address.to_string()).collect(),
            mac: Some(endpoint.mac.to_string()),
            container: endpoint.container,
        };
        (id, one)
    };
    endpoints.into_iter().map(connected).collect()
}

/// Makes it as it was before an event.
fn take_back(all: &mut All, event: &Event) {
    if event.kind != EventKind::Endpoint {
        return;
    }
    let Some(id) = &event.id else { return };
    let here =
        |node: &Option<weft_model::NodeName>| node.as_ref().map(ToString::to_string).unwrap_or_default();
    let then = |node: String| Connected {
        id: id.clone(),
        name: event.name.clone(),
        network: event.network.as_ref().map(ToString::to_string).unwrap_or_default(),
        node,
        addresses: event.addresses.clone(),
        mac: event.mac.map(|mac| mac.to_string()),
        container: event.container.clone(),
    };
    match event.action {
        EventAction::Attached => drop(all.remove(id)),
        EventAction::Detached => drop(all.insert(id.clone(), then(here(&event.node)))),
        EventAction::Moved => drop(all.insert(id.clone(), then(here(&event.from)))),
        _ => {}
    }
}

fn row(one: &Connected) -> Vec<String> {
    vec![
        one.network.clone(),
        one.name.clone(),
        one.addresses.join(", "),
        or_dash(one.mac.as_ref()),
        one.node.clone(),
        or_dash(one.container.as_deref().map(|id| short(id, false))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: i64, action: &str, name: &str, node: &str, from: Option<&str>) -> Event {
        serde_json::from_value(serde_json::json!({
            "time": Timestamp::from_second(second).unwrap(), "type": "endpoint", "action": action, "name": name, "id": name,
            "network": "overlay", "node": node, "from": from, "addresses": ["10.0.0.2"],
        }))
        .unwrap()
    }

    #[test]
    fn what_happened_is_taken_back() {
        let events = [
            event(1, "attached", "a", "host1", None),
            event(2, "attached", "b", "host1", None),
            event(3, "moved", "a", "host2", Some("host1")),
            event(4, "cut-off", "a", "host2", None),
            event(5, "detached", "b", "host1", None),
            event(6, "attached", "c", "host3", None),
        ];
        let mut all = All::new();
        for (id, node) in [("a", "host2"), ("c", "host3")] {
            let event = event(9, "detached", id, node, None);
            take_back(&mut all, &event);
        }
        let mut then = Vec::new();
        for event in events.iter().rev() {
            take_back(&mut all, event);
            then.push(
                all.values().map(|one| format!("{}@{}", one.name, one.node)).collect::<Vec<_>>().join(" "),
            );
        }
        assert_eq!(then, ["a@host2", "a@host2 b@host1", "a@host2 b@host1", "a@host1 b@host1", "a@host1", ""]);
    }
}
