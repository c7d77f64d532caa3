//! Containers of an engine.

use crate::lenient::or_default;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use weft_model::{ContainerId, ContainerLink, EndpointId, EndpointName, NetworkId};

/// A container of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name; `None` if it is none of ours.
    pub name: Option<EndpointName>,
    /// Its name, if it is none that can be resolved.
    pub odd_name: Option<String>,
    /// Whether it runs.
    pub state: ContainerState,
    /// The networks it is on, or will be on when it starts, by name.
    pub attachments: BTreeMap<String, PlaceOnNetwork>,
    /// The missing network that made the last start fail, if the engine is to start the container again whenever it
    /// ends. Not in lists.
    pub gave_up: Option<NetworkId>,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Between two runs.
    Restarting,
    /// Going.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
    /// Something of later engines.
    #[default]
    #[serde(other)]
    Other,
}

/// A container's place on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WirePlace")]
pub struct PlaceOnNetwork {
    /// The engine's id of the network when it was last there; `None` before it was, or if it is one of Swarm's.
    pub network: Option<NetworkId>,
    /// The endpoint, while there is one. Joining may have failed: only the network tells which containers are on it.
    pub endpoint: Option<EndpointId>,
    /// Other names the user gave it there, as far as they can be resolved. Not in lists.
    pub aliases: Vec<EndpointName>,
    /// Those that cannot. Not in lists.
    pub odd_aliases: Vec<String>,
    /// What it calls others there. Not in lists.
    pub links: Vec<ContainerLink>,
    /// All names that the engine itself answers for, where it shows them. Not in lists.
    pub dns_names: Vec<EndpointName>,
}

/// Ids are read as far as they are of our kind: Swarm's are of another.
#[derive(Default, Deserialize)]
struct WirePlace {
    #[serde(rename = "NetworkID", default, deserialize_with = "or_default")]
    network: String,
    #[serde(rename = "EndpointID", default, deserialize_with = "or_default")]
    endpoint: String,
    #[serde(rename = "Aliases", default, deserialize_with = "or_default")]
    aliases: Vec<String>,
    #[serde(rename = "Links", default, deserialize_with = "or_default")]
    links: Vec<String>,
    #[serde(rename = "DNSNames", default, deserialize_with = "or_default")]
    dns_names: Vec<String>,
}

impl From<WirePlace> for PlaceOnNetwork {
    fn from(wire: WirePlace) -> Self {
        let (aliases, odd): (Vec<_>, Vec<_>) =
            wire.aliases.into_iter().map(|alias| resolvable(&alias).ok_or(alias)).partition(Result::is_ok);
        Self {
            network: wire.network.parse().ok(),
            endpoint: wire.endpoint.parse().ok(),
            aliases: aliases.into_iter().flatten().collect(),
            odd_aliases: odd.into_iter().filter_map(Result::err).filter(|alias| !alias.is_empty()).collect(),
            links: wire.links.iter().filter_map(|link| link.parse().ok()).collect(),
            dns_names: wire.dns_names.iter().filter_map(|name| resolvable(name)).collect(),
        }
    }
}

/// A name, if it can be asked for.
fn resolvable(name: &str) -> Option<EndpointName> {
    name.parse().ok().filter(EndpointName::is_dns)
}

/// In a list `Names` and a `State` of one word; inspected `Name` and a `State` with details.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireContainer {
    id: ContainerId,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    names: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    state: WireState,
    #[serde(default, deserialize_with = "or_default")]
    network_settings: WireNetworkSettings,
    #[serde(default, deserialize_with = "or_default")]
    host_config: WireHostConfig,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireState {
    Word(ContainerState),
    Details {
        #[serde(rename = "Status", default)]
        status: ContainerState,
        #[serde(rename = "Error", default, deserialize_with = "or_default")]
        error: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireHostConfig {
    #[serde(default, deserialize_with = "or_default")]
    restart_policy: WireRestartPolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireRestartPolicy {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

#[derive(Default, Deserialize)]
struct WireNetworkSettings {
    #[serde(rename = "Networks", default, deserialize_with = "or_default")]
    networks: BTreeMap<String, PlaceOnNetwork>,
}

impl Default for WireState {
    fn default() -> Self {
        Self::Word(ContainerState::Other)
    }
}

impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireContainer::deserialize(deserializer)?;
        // Further names have a second slash: they are links of other containers.
        let own = |name: &&str| !name.is_empty() && !name.contains('/');
        let mut all = wire.names.iter().chain([&wire.name]).filter_map(|name| name.strip_prefix('/'));
        let given = all.find(own);
        let odd = given.filter(|name| resolvable(name).is_none());
        let restarts = matches!(
            wire.host_config.restart_policy.name.as_str(),
            "always" | "unless-stopped" | "on-failure"
        );
        let (state, error) = match wire.state {
            WireState::Word(state) => (state, String::new()),
            WireState::Details { status, error } => (status, error),
        };
        Ok(Self {
            id: wire.id,
            name: given.and_then(|name| name.parse().ok()),
            odd_name: odd.map(ToOwned::to_owned),
            gave_up: lacking(&error).filter(|_| restarts && state == ContainerState::Exited),
            state,
            attachments: wire.network_settings.networks,
        })
    }
}

/// The network that an error says is not there, as all engines word it (moby, `libnetwork`'s `ErrNoSuchNetwork`).
fn lacking(error: &str) -> Option<NetworkId> {
    error.strip_suffix(" not found")?.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn container(mut json: Value) -> Container {
        json["Id"] = "c".repeat(64).into();
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn its_own_name_is_not_that_of_a_link() {
        let linked = container(json!({"Names": ["/other/alias", "/web"], "State": "running"}));
        assert_eq!(linked.name.unwrap().as_str(), "web");
        assert_eq!(container(json!({"Names": null, "Name": "/web"})).name.unwrap().as_str(), "web");
        let long = format!("/{}", "x".repeat(64));
        let long = container(json!({"Names": [long]}));
        assert!(long.name.is_none() && long.odd_name.is_some_and(|name| name.len() == 64));
    }

    #[test]
    fn its_state_is_a_word_or_more() {
        assert_eq!(container(json!({"State": "paused"})).state, ContainerState::Paused);
        assert_eq!(container(json!({"State": {"Status": "dead", "Pid": 0}})).state, ContainerState::Dead);
        assert_eq!(container(json!({"State": "hibernating"})).state, ContainerState::Other);
        assert_eq!(container(json!({"State": null})).state, ContainerState::Other);
    }

    #[test]
    fn it_gives_up_for_lack_of_a_network() {
        let id: NetworkId = "a".repeat(64).parse().unwrap();
        // As 28.5.2 and 20.10.24 say it.
        for error in [
            format!("failed to set up container networking: network {id} not found"),
            format!("network {id} not found"),
        ] {
            let after = |policy: &str, status: &str| {
                container(json!({
                    "State": {"Status": status, "Error": error}, "HostConfig": {"RestartPolicy": {"Name": policy}}
                }))
            };
            assert_eq!(after("always", "exited").gave_up, Some(id));
            assert_eq!(after("no", "exited").gave_up, None, "nobody wants it to run");
            assert_eq!(after("always", "restarting").gave_up, None, "it is still tried");
        }
        assert_eq!(lacking("network n1 not found"), None);
    }

    #[test]
    fn a_network_of_swarm_is_no_network_of_ours() {
        let networks =
            json!({"a": {"NetworkID": "x3mz9yjk0qn2bvw8dn4kq7c5t"}, "b": {"NetworkID": "b".repeat(64)}});
        let container = container(json!({"NetworkSettings": {"Networks": networks}}));
        assert_eq!(container.attachments["a"].network, None);
        assert!(container.attachments["b"].network.is_some());
    }

    #[test]
    fn aliases_that_cannot_be_resolved_are_left_out() {
        let networks = json!({"n": {"Aliases": ["web", "", "_x", "with space", "a..b"], "Links": ["db:database", "odd one:x"],
                "DNSNames": null, "EndpointID": ""}});
        let container = container(json!({"NetworkSettings": {"Networks": networks}}));
        let attachment = &container.attachments["n"];
        assert_eq!(attachment.aliases, ["web", "_x"].map(|alias| alias.parse().unwrap()));
        assert_eq!(attachment.odd_aliases, ["with space", "a..b"]);
        assert_eq!(attachment.links, ["db:database".parse().unwrap()]);
        assert_eq!(attachment.endpoint, None);
    }
}
