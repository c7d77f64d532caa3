//! What the engine's containers are called.

use crate::docker::{self, OnNetwork};
use std::collections::{BTreeMap, BTreeSet};
use weft_docker::engine::{Container, Member};
use weft_model::{ContainerId, EndpointId, EndpointName, NetworkName};
use weft_verbs::{ContainerNames, EngineEndpoint};

/// The containers of the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table(BTreeMap<ContainerId, KnownContainer>);

/// A container, as far as the engine told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownContainer {
    name: Option<EndpointName>,
    /// By network; none before the container was inspected: lists leave them out.
    on: Option<BTreeMap<NetworkName, OnNetwork>>,
    /// What nobody can ask for, each with the network it was given on.
    odd: BTreeSet<(NetworkName, String)>,
}

impl Table {
    /// Takes over a list of all containers.
    pub(super) fn listed(&mut self, containers: &[Container]) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = containers
            .iter()
            .map(|container| {
                let known = before.remove(&container.id);
                let (on, odd) = known.map_or_else(Default::default, |known| (known.on, known.odd));
                (container.id, KnownContainer { name: container.name.clone(), on, odd })
            })
            .collect();
    }

    /// Takes over what was said of one.
    pub(super) fn inspected(&mut self, container: &Container) {
        let named =
            |(network, attachment): (&String, _)| Some((network.parse::<NetworkName>().ok()?, attachment));
        let attachments = || container.attachments.iter().filter_map(named);
        let on = attachments().map(|(network, attachment)| {
            let names = attachment.aliases.iter().chain(&attachment.dns_names);
            (network, OnNetwork { aliases: aliases(container, names), links: attachment.links.clone() })
        });
        let odd = attachments().flat_map(|(network, attachment)| {
            let names = attachment.odd_aliases.iter().chain(&container.odd_name).cloned();
            names.map(move |name| (network.clone(), name))
        });
        let known =
            KnownContainer { name: container.name.clone(), on: Some(on.collect()), odd: odd.collect() };
        self.0.insert(container.id, known);
    }

    /// Forgets one that is gone.
    pub(super) fn remove(&mut self, id: &ContainerId) {
        self.0.remove(id);
    }

    /// Whether a container is known, by its name at least.
    pub(super) fn knows(&self, id: &ContainerId) -> bool {
        self.0.contains_key(id)
    }

    /// Whether the aliases of a container are known.
    pub(super) fn knows_aliases_of(&self, id: &ContainerId) -> bool {
        self.0.get(id).is_some_and(|known| known.on.is_some())
    }

    /// What containers of `networks` are called, and nobody can ask for.
    pub(super) fn odd(&self, is_ours: impl Fn(&NetworkName) -> bool) -> Vec<String> {
        let of_one = |(id, known): (&ContainerId, &KnownContainer)| {
            let short = id.short();
            let odd = known.odd.iter().filter(|(network, _)| is_ours(network));
            let say = |(network, name): &(NetworkName, String)| {
                let (own, name) =
                    (known.name.as_ref().map_or(short.as_str(), |own| own.as_str()), brief(name));
                format!(
                    "container {own} of Docker cannot be asked for as {name:?} on network {network}: a name in DNS has \
                     letters, digits, '_' and '-', at most 63 of them between dots, and 253 bytes in all; give it an \
                     alias that has"
                )
            };
            odd.map(say).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_one).collect()
    }

    /// For the door.
    pub(super) fn shared(&self) -> BTreeMap<String, docker::NamedContainer> {
        let shared = |(id, known): (&ContainerId, &KnownContainer)| {
            let on = known.on.clone().unwrap_or_default();
            Some((id.to_string(), docker::NamedContainer { name: known.name.clone()?, on }))
        };
        self.0.iter().filter_map(shared).collect()
    }

    /// What an endpoint should be called, if it is called otherwise; `None` too if the engine did not tell.
    /// `member` is what the engine said of the endpoint itself.
    pub(super) fn renamed(
        &self,
        endpoint: &EngineEndpoint,
        member: Option<&Member>,
    ) -> Option<ContainerNames> {
        let id = self.container_of(endpoint, member)?;
        let known = self.0.get(&id);
        let said = || member.and_then(|member| member.name.parse().ok());
        let name = known.and_then(|known| known.name.clone()).or_else(said);
        let on = known.and_then(|known| known.on.as_ref());
        let OnNetwork { aliases, links } = match on {
            Some(on) => on.get(&endpoint.network).cloned().unwrap_or_default(),
            None => OnNetwork { aliases: endpoint.aliases.clone(), links: endpoint.links.clone() },
        };
        let names = ContainerNames {
            container: id.to_string(),
            // One that is too long to be resolved leaves the endpoint with its provisional one.
            name: name.unwrap_or_else(|| endpoint.name.clone()),
            aliases,
            links,
        };
        let same = endpoint.container.as_ref() == Some(&names.container)
            && endpoint.name == names.name
            && endpoint.aliases == names.aliases
            && endpoint.links == names.links;
        (!same).then_some(names)
    }

    fn container_of(&self, endpoint: &EngineEndpoint, member: Option<&Member>) -> Option<ContainerId> {
        let told = endpoint.container.as_ref().and_then(|id| id.parse().ok());
        // Before a container has joined, the engine says only its name, which no other container has.
        let by_name = |name: &str| {
            self.0
                .iter()
                .find(|(_, c)| c.name.as_ref().is_some_and(|own| own.as_str() == name))
                .map(|(id, _)| *id)
        };
        told.or_else(|| member.and_then(|member| member.container.or_else(|| by_name(&member.name))))
    }
}

/// A hostile name must not fill the log or the terminal.
fn brief(name: &str) -> String {
    name.chars().take(80).collect()
}

/// The names that are not the container's own. Its short id everybody answers to as it is.
fn aliases<'c>(container: &'c Container, names: impl Iterator<Item = &'c EndpointName>) -> Vec<EndpointName> {
    let short = container.id.short();
    let mut aliases: Vec<EndpointName> = Vec::new();
    for name in names {
        let own = container.name.as_ref() == Some(name) || name.as_str() == short;
        if !own && !aliases.contains(name) {
            aliases.push(name.clone());
        }
    }
    aliases
}

/// What the engine said of endpoints, by their ids.
pub(super) type Members = BTreeMap<EndpointId, Member>;

#[cfg(test)]
mod tests;
