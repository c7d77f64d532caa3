//! The two endpoints that are meant.

use crate::core::resolution::{self, is};
use std::{collections::BTreeSet, net::IpAddr};
use weft_model::{Endpoint, EndpointId, EndpointName, Finding, NetworkId, NetworkName, NodeName, starts_id};
use weft_state::{
    cluster::Cluster,
    journal::{LocalEndpoint, LocalEndpoints},
};
use weft_verbs::{EndpointView, Error, Resolution};

/// An endpoint on a network that is known.
#[derive(Clone, Copy)]
struct Found<'c> {
    id: EndpointId,
    endpoint: &'c Endpoint,
    network: NetworkId,
    network_name: &'c NetworkName,
}

impl Found<'_> {
    fn view(&self) -> EndpointView {
        EndpointView {
            id: self.id,
            endpoint: self.endpoint.clone(),
            network: self.network,
            network_name: self.network_name.clone(),
        }
    }
}

/// Two endpoints.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) from: EndpointView,
    pub(super) to: EndpointView,
    /// The network that both are on; none if there is none.
    pub(super) network: Option<NetworkId>,
    /// Whether a name was given for where packets go to.
    pub(super) is_name: bool,
    /// What was found on the way to that.
    pub(super) findings: Vec<Finding>,
}

/// The container `from`, and what it calls `to`; `locals` are the endpoints of this node, which is `me`.
pub(super) fn pair(
    cluster: &Cluster,
    (locals, me): (&LocalEndpoints, &NodeName),
    from: &str,
    to: &str,
) -> Result<Pair, Error> {
    let all = all(cluster, locals, me);
    let (froms, tos) = (called(&all, from)?, called(&all, to)?);
    let mut shared = froms.iter().flat_map(|from| {
        tos.iter().filter(|to| to.network == from.network && to.id != from.id).map(move |to| (from, to))
    });
    let Some((one, other)) = shared.next() else {
        let (Some(one), Some(other)) = (froms.first(), tos.first()) else { return Err(not_found(from)) };
        let (from, to) = (one.view(), other.view());
        if one.id == other.id {
            return Err(Error::invalid(format!("{} is asked about itself: name two", from.endpoint.name)));
        }
        let findings = vec![apart(&from, &to, me)];
        return Ok(Pair { from, to, network: None, is_name: false, findings });
    };
    let (one, other) = (one.view(), other.view());
    let told = resolution::resolve(cluster, (locals, me), to, &one.id.to_string()).ok();
    let is_name = to.parse::<IpAddr>().is_err() && !starts_id(to, &other.id.to_string());
    let named = told.filter(|_| is_name).map(|told| named(cluster, &told, to, &other));
    let findings = named.into_iter().collect();
    Ok(Pair { network: Some(one.network), from: one, to: other, is_name, findings })
}

/// The oldest endpoint of this node that is on a network with what is called `to`, if there is one.
pub(super) fn beside(
    cluster: &Cluster,
    (locals, me): (&LocalEndpoints, &NodeName),
    to: &str,
) -> Result<Option<EndpointId>, Error> {
    let all = all(cluster, locals, me);
    let tos = called(&all, to)?;
    let is_beside = |(id, local): &(&EndpointId, &LocalEndpoint)| {
        local.fenced.is_none() && tos.iter().any(|to| to.network == local.network_id && to.id != **id)
    };
    // The same one each time.
    let oldest = locals.iter().filter(is_beside).min_by_key(|(id, local)| (local.endpoint.created, **id));
    Ok(oldest.map(|(id, _)| *id))
}

/// Every endpoint that is known: this node's by its journal, the others' also where their node is down.
fn all<'c>(cluster: &'c Cluster, locals: &'c LocalEndpoints, me: &NodeName) -> Vec<Found<'c>> {
    let remote = cluster.all_endpoints().filter(|(_, _, endpoint)| endpoint.node != *me);
    let remote = remote.filter_map(|(network, id, endpoint)| {
        let network_name = &cluster.networks.get(network)?.name;
        Some(Found { id: *id, endpoint, network: *network, network_name })
    });
    let own = locals.iter().map(|(id, local)| Found {
        id: *id,
        endpoint: &local.endpoint,
        network: local.network_id,
        network_name: &local.network.name,
    });
    remote.chain(own).collect()
}

/// Those of one container that are called `text`, or have it as an alias or an address, the first joined first.
fn called<'c>(all: &[Found<'c>], text: &str) -> Result<Vec<Found<'c>>, Error> {
    let address: Option<IpAddr> = text.parse().ok();
    let has =
        |endpoint: &Endpoint| address.is_some_and(|address| endpoint.addresses().any(|one| one == address));
    let exactly = |found: &&Found<'_>| is(found.id, found.endpoint, text) || has(found.endpoint);
    let loosely = |found: &&Found<'_>| {
        // Also with the network's name behind it, as containers may ask.
        let of_network =
            text.strip_suffix(found.network_name.as_str()).and_then(|rest| rest.strip_suffix('.'));
        let is_it = |name: &EndpointName| {
            [Some(text), of_network]
                .into_iter()
                .flatten()
                .any(|asked| name.as_str().eq_ignore_ascii_case(asked))
        };
        is_it(&found.endpoint.name) || found.endpoint.aliases.iter().any(is_it)
    };
    let mut found: Vec<Found<'c>> = all.iter().filter(exactly).copied().collect();
    if found.is_empty() {
        found = all.iter().filter(loosely).copied().collect();
    }
    found.sort_by_key(|found| (found.endpoint.created, found.id));
    // Without a container's id, endpoints of one namespace go by its name on its host.
    let places: BTreeSet<_> =
        found.iter().map(|found| (&found.endpoint.name, &found.endpoint.node)).collect();
    match places.len() {
        0 => Err(not_found(text)),
        1 => Ok(found),
        _ => {
            let places = places.into_iter().map(|(name, node)| format!("{name} on {node}"));
            let places = places.collect::<Vec<_>>().join(", ");
            Err(Error::conflict(format!(
                "{text} is several: {places}; give the id of one, of `weft whois {text}`"
            )))
        }
    }
}

fn not_found(text: &str) -> Error {
    let mut error = Error::not_found("endpoint", text);
    error.message.push_str(
        ": nothing on a network of weft's is called so or has that address. `weft endpoint ls` lists what is there; a \
         container that does not run, or is on networks of its engine's alone, is not there",
    );
    error
}

/// That they share no network.
fn apart(from: &EndpointView, to: &EndpointView, me: &NodeName) -> Finding {
    let (one, other) = (&from.endpoint, &to.endpoint);
    let what = format!(
        "{} is on network {} and {} on {}: they share none, and networks are kept apart",
        one.name, from.network_name, other.name, to.network_name
    );
    let mend = format!(
        "`docker network connect {} {}` on {} (or `weft network connect`)",
        from.network_name, other.name, other.node
    );
    Finding::problem(me, what, mend)
}

/// What the name server of `from` tells it.
fn named(cluster: &Cluster, told: &Resolution, name: &str, to: &EndpointView) -> Finding {
    let Resolution { container, node, addresses, .. } = told;
    let addresses: Vec<IpAddr> = addresses.iter().flatten().map(|one| one.address).collect();
    let shown = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if to.endpoint.addresses().any(|address| addresses.contains(&address)) {
        return Finding::ok(node, format!("{name} is {shown} for {container}"));
    }
    let mend = format!("weft resolve {name} --as {container}");
    if !addresses.is_empty() {
        let what = format!(
            "{name} is {shown} for {container}, and not {} on {}",
            to.endpoint.name, to.endpoint.node
        );
        return Finding::problem(node, what, mend);
    }
    let why = match cluster.is_up(&to.endpoint.node) {
        true => String::new(),
        false => {
            format!(
                ": its host {} is down, or does not reach the store, and names there are not told",
                to.endpoint.node
            )
        }
    };
    Finding::problem(node, format!("{container} is told no address for {name}{why}"), mend)
}
