//! Containers of an engine.

use crate::lenient::{if_any, or_default};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use weft_model::{ContainerId, EndpointId, EndpointName, NetworkId};

/// A container of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name; `None` if it is none that can be resolved: one longer than 63 bytes.
    pub name: Option<EndpointName>,
    /// Whether it runs.
    pub state: ContainerState,
    /// The networks it is on, or will be on when it starts, by name.
    pub attachments: BTreeMap<String, Attachment>,
    /// The network for lack of which it could not be started last, if the engine is to start it again whenever it
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
pub struct Attachment {
    /// The engine's id of the network when it was last there; `None` before it was, or if it is one of Swarm's.
    #[serde(rename = "NetworkID", default, deserialize_with = "one_of_ours")]
    pub network: Option<NetworkId>,
    /// The endpoint, while there is one. It may have failed to join: who is on a network, the network tells.
    #[serde(rename = "EndpointID", default, deserialize_with = "if_any")]
    pub endpoint: Option<EndpointId>,
    /// Other names the user gave it there, as far as they can be resolved. Not in lists.
    #[serde(rename = "Aliases", default, deserialize_with = "resolvable")]
    pub aliases: Vec<EndpointName>,
    /// All names that the engine itself answers for, where it shows them. Not in lists.
    #[serde(rename = "DNSNames", default, deserialize_with = "resolvable")]
    pub dns_names: Vec<EndpointName>,
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
    networks: BTreeMap<String, Attachment>,
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
        let all = wire.names.iter().chain([&wire.name]).filter_map(|name| name.strip_prefix('/'));
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
            name: all.filter(own).find_map(|name| name.parse().ok()),
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

/// Swarm's ids are of another kind.
fn one_of_ours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NetworkId>, D::Error> {
    let id: String = or_default(deserializer)?;
    Ok(id.parse().ok())
}

fn resolvable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EndpointName>, D::Error> {
    let names: Vec<String> = or_default(deserializer)?;
    Ok(names.into_iter().filter_map(|name| name.parse().ok()).collect())
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
        assert_eq!(container(json!({"Names": [long]})).name, None);
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
        let networks =
            json!({"n": {"Aliases": ["web", "", "with space"], "DNSNames": null, "EndpointID": ""}});
        let container = container(json!({"NetworkSettings": {"Networks": networks}}));
        let attachment = &container.attachments["n"];
        assert_eq!(attachment.aliases, ["web".parse().unwrap()]);
        assert_eq!(attachment.endpoint, None);
    }
}
