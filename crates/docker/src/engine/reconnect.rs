//! Containers that do not run, and know a network by an id that it does not have any more.

use super::{Engine, EngineError, Result, transport::Question};
use crate::{brief::brief, lenient::or_default};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use weft_model::{ContainerId, NetworkId};

/// How the user wants a container to be on a network. The values are passed on unchanged.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EndpointConfig {
    #[serde(rename = "IPAMConfig", default, skip_serializing_if = "Value::is_null")]
    ipam_config: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    links: Value,
    #[serde(default, deserialize_with = "or_default")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    mac_address: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    driver_opts: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    gw_priority: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Connect {
    container: String,
    endpoint_config: EndpointConfig,
}

/// What an engine says of a container, as far as it is about this.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: ContainerId,
    #[serde(default, deserialize_with = "or_default")]
    config: Config,
    #[serde(default, deserialize_with = "or_default")]
    host_config: HostConfig,
    #[serde(default, deserialize_with = "or_default")]
    network_settings: NetworkSettings,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default, deserialize_with = "or_default")]
    mac_address: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default, deserialize_with = "or_default")]
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default, deserialize_with = "or_default")]
    networks: BTreeMap<String, EndpointConfig>,
}

impl Inspected {
    /// What has to be asked so that it is on `network` as it was; none if it is not on it any more.
    fn connect(mut self, network: &str) -> Option<Connect> {
        let mut wanted = self.network_settings.networks.remove(network)?;
        // Engines add it themselves, once more if it is there.
        let short = self.id.short();
        wanted.aliases.retain(|alias| *alias != short);
        // What the container was created with is told beside; of the network it has now, an engine forgets it
        // whenever the container stops.
        if wanted.mac_address.is_empty() && self.host_config.network_mode == network {
            wanted.mac_address = self.config.mac_address;
        }
        Some(Connect { container: self.id.to_string(), endpoint_config: wanted })
    }
}

impl Engine {
    /// Has a container that does not run be on the network `id` as it was on another called `name`, which the engine
    /// does not have any more. A container that the engine finds on that network all the same stays as it is. What
    /// it was is replaced in one step (moby, `updateNetworkConfig`): there is no moment at which it is on neither.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_not_found`].
    pub async fn reconnect(&self, container: &ContainerId, name: &str, id: &NetworkId) -> Result<()> {
        let question = self.look(&format!("/containers/{container}/json"));
        let request = question.name();
        let inspected: Value = self.transport.ask(question).await?;
        let inspected = Inspected::deserialize(&inspected)
            .map_err(|error| EngineError::Nonsense { request, why: brief(error) })?;
        let Some(connect) = inspected.connect(name) else { return Ok(()) };
        self.transport.act(Question::post(self.path(&format!("/networks/{id}/connect")), &connect)?).await
    }

    /// Starts a container. One that runs is no error.
    ///
    /// # Errors
    /// [`EngineError`], among them [`EngineError::is_not_found`].
    pub async fn start(&self, container: &ContainerId) -> Result<()> {
        let path = self.path(&format!("/containers/{container}/start"));
        self.transport.act(Question::post(path, &Value::Null)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn connected(mut container: Value, network: &str) -> Option<Value> {
        container["Id"] = "c".repeat(64).into();
        let inspected: Inspected = serde_json::from_value(container).unwrap();
        inspected
            .connect(network)
            .map(|connect| serde_json::to_value(connect).unwrap()["EndpointConfig"].clone())
    }

    #[test]
    fn it_is_on_the_network_as_it_was() {
        // As 28.5.2 and 20.10.24 say it of a container that was stopped.
        let on = json!({
            "IPAMConfig": {"IPv4Address": "10.9.0.51"}, "Links": ["db:database"],
            "Aliases": ["z", "cccccccccccc"], "MacAddress": "", "DriverOpts": null, "GwPriority": 3,
            "NetworkID": "a".repeat(64), "EndpointID": "", "Gateway": "", "IPAddress": "", "DNSNames": ["c2", "z"]
        });
        let container = json!({
            "Config": {"MacAddress": "02:42:aa:bb:cc:de"}, "HostConfig": {"NetworkMode": "n1"},
            "NetworkSettings": {"Networks": {"n1": on, "n2": {"Aliases": null}}}
        });
        let expected = json!({
            "IPAMConfig": {"IPv4Address": "10.9.0.51"}, "Links": ["db:database"], "Aliases": ["z"],
            "MacAddress": "02:42:aa:bb:cc:de", "GwPriority": 3
        });
        assert_eq!(connected(container.clone(), "n1"), Some(expected));
        assert_eq!(connected(container.clone(), "n2"), Some(json!({"Aliases": []})));
        assert_eq!(connected(container, "gone"), None);
    }
}
