//! What happened between two moments. Pure: of a moment and itself, nothing did.

use crate::{
    changes::{KeyChange, changes, nested_changes},
    cluster::{Cluster, Stored},
    journal::LocalEndpoints,
    view::View,
};
use jiff::Timestamp;
use std::sync::Arc;
use weft_model::{
    Endpoint, EndpointId, Event, EventAction, EventKind, Network, NetworkId, NetworkName, Node, NodeName,
};

/// What this node knows at a moment.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// The cluster; none before anything was known of it.
    cluster: Option<Arc<Cluster>>,
    /// The endpoints of this node.
    locals: LocalEndpoints,
    /// Why the store cannot be used, if it cannot.
    error: Option<String>,
    /// Whether the store lacks something that it had.
    lacks: bool,
}

impl Moment {
    /// What `view` shows, and the journal.
    pub fn of(view: &View, locals: LocalEndpoints) -> Self {
        let View { cluster, error, loss, .. } = view;
        Self { cluster: cluster.clone(), locals, error: error.clone(), lacks: loss.is_any() }
    }

    /// Whether there is anything to compare with.
    pub fn knows(&self) -> bool {
        self.cluster.is_some()
    }
}

/// What happened from `before` to `now`, which is at `time`; `store` is the store's name.
pub fn between(before: &Moment, now: &Moment, time: Timestamp, store: &str) -> Vec<Event> {
    let mut events: Vec<Event> = of_store(before, now)
        .map(|(action, reason)| Event {
            reason: reason.clone(),
            ..Event::new(time, EventKind::Store, action, store)
        })
        .collect();
    if let (Some(old), Some(new)) = (&before.cluster, &now.cluster) {
        events.extend(changes(&old.networks, &new.networks).filter_map(|change| of_network(change, time)));
        events.extend(of_nodes(old, new, time));
        events.extend(of_endpoints(old, new, time));
    }
    events.extend(of_own(before, now, time));
    events
}

/// What the store did, and why.
fn of_store<'m>(
    before: &'m Moment,
    now: &'m Moment,
) -> impl Iterator<Item = (EventAction, &'m Option<String>)> {
    let reach = match (&before.error, &now.error) {
        (None, Some(_)) => Some((EventAction::Lost, &now.error)),
        (Some(_), None) => Some((EventAction::Back, &None)),
        _ => None,
    };
    let content = match (before.lacks, now.lacks) {
        (false, true) => Some((EventAction::Rebuilding, &None)),
        (true, false) => Some((EventAction::Rebuilt, &None)),
        _ => None,
    };
    reach.into_iter().chain(content)
}

fn of_network(change: KeyChange<'_, NetworkId, Stored<Network>>, time: Timestamp) -> Option<Event> {
    let (action, network) = match (change.old, change.new) {
        (None, Some(network)) => (EventAction::Created, network),
        (Some(network), None) => (EventAction::Removed, network),
        _ => return None,
    };
    let subnets = network.subnets.iter().map(|subnet| subnet.pool.to_string());
    Some(Event {
        id: Some(change.key.to_string()),
        addresses: subnets.collect(),
        ..Event::new(time, EventKind::Network, action, network.name.as_str())
    })
}

/// Nodes that came, went, and are gone for good.
fn of_nodes(old: &Cluster, new: &Cluster, time: Timestamp) -> Vec<Event> {
    let event = |action, name: &NodeName, node: Option<&Stored<Node>>| Event {
        id: node.map(|node| node.id.to_string()),
        ..Event::new(time, EventKind::Node, action, name.as_str()).at(node.map(|node| node.advertise))
    };
    let gone = changes(&old.nodes, &new.nodes).filter(|change| change.new.is_none()).map(|change| {
        let was_up = old.is_up(change.key);
        event(if was_up { EventAction::Left } else { EventAction::Expired }, change.key, change.old)
    });
    let live = changes(&old.live, &new.live).filter_map(|change| {
        let node = new.nodes.get(change.key);
        match (change.old, change.new) {
            (None, Some(_)) => Some(event(EventAction::Up, change.key, node)),
            // Of one that is not a node any more, that is said already.
            (Some(_), None) if node.is_some() || !old.nodes.contains_key(change.key) => {
                Some(event(EventAction::Down, change.key, node))
            }
            _ => None,
        }
    });
    live.chain(gone).collect()
}

/// Endpoints that were put on networks and taken off; or went from one node to another.
fn of_endpoints(old: &Cluster, new: &Cluster, time: Timestamp) -> Vec<Event> {
    let (mut gone, mut events) = (Vec::new(), Vec::new());
    let name = |id: &NetworkId| {
        let network = new.networks.get(id).or_else(|| old.networks.get(id));
        network.map(|network| network.name.clone())
    };
    for (network, change) in nested_changes(&old.endpoints, &new.endpoints) {
        let event = |action, endpoint| of_endpoint(action, (change.key, endpoint), name(network), time);
        match (change.old, change.new) {
            (None, Some(new)) => events.push(event(EventAction::Attached, new)),
            (Some(old), None) => gone.push(event(EventAction::Detached, old)),
            (Some(old), Some(new)) if old.node != new.node => {
                events.push(Event { from: Some(old.node.clone()), ..event(EventAction::Moved, new) });
            }
            _ => {}
        }
    }
    for event in events.iter_mut().filter(|event| event.action == EventAction::Attached) {
        let same = |left: &Event| {
            left.name == event.name && left.network == event.network && left.node != event.node
        };
        if let Some(at) = gone.iter().position(same) {
            event.from = gone.swap_remove(at).node;
            event.action = EventAction::Moved;
        }
    }
    gone.extend(events);
    gone
}

fn of_endpoint(
    action: EventAction,
    (id, endpoint): (&EndpointId, &Endpoint),
    network: Option<NetworkName>,
    time: Timestamp,
) -> Event {
    Event {
        id: Some(id.to_string()),
        network,
        node: Some(endpoint.node.clone()),
        mac: Some(endpoint.mac),
        container: endpoint.container.clone(),
        ..Event::new(time, EventKind::Endpoint, action, endpoint.name.as_str()).at(endpoint.addresses())
    }
}

/// Endpoints of this node that were cut off, and are not any more.
fn of_own(before: &Moment, now: &Moment, time: Timestamp) -> impl Iterator<Item = Event> {
    now.locals.iter().filter_map(move |(id, local)| {
        let was = before.locals.get(id)?.fenced.is_some();
        let action = match (was, local.fenced.is_some()) {
            (false, true) => EventAction::CutOff,
            (true, false) => EventAction::Restored,
            _ => return None,
        };
        let network = Some(local.network.name.clone());
        let event = of_endpoint(action, (id, &local.endpoint), network, time);
        Some(Event { reason: local.fenced.clone(), ..event })
    })
}

#[cfg(test)]
mod tests;
