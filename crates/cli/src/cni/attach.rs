//! ADD, DEL and CHECK: a container begins, ends, and is looked at.

use super::{
    config::{Config, field},
    environment::{Environment, is_plain},
    failure::{Failure, code},
    result::result,
};
use crate::client::{Client, part};
use serde_json::Value;
use std::{net::IpAddr, time::Duration};
use tokio::time::timeout;
use weft_api::v1;
use weft_model::{EndpointName, IpNet, OwnerKey, PortMapping};

/// How long putting a container on a network may take.
const ADD: Duration = Duration::from_secs(15);
/// How long taking one off may take. What is not done by then the agent does by itself, when it finds the namespace gone.
const DEL: Duration = Duration::from_secs(5);

/// How weft knows all that came through a conflist.
pub(super) fn prefix(config: &Config) -> String {
    format!("cni:{}/", config.name())
}

/// A container and an interface of it are all that a runtime says again when it ends.
pub(super) fn owner(config: &Config, container: &str, interface: &str) -> Result<OwnerKey, Failure> {
    if config.name().is_empty() || !config.name().bytes().all(is_plain) {
        let shown: String = config.name().chars().take(80).collect();
        return Err(Failure::new(code::CONFIG, format!("the configuration's name is {shown:?}"))
            .details("expected letters, digits, '_', '.' and '-'"));
    }
    let key = format!("{}{container}/{interface}", prefix(config));
    let invalid =
        |error| Failure::new(code::CONFIG, format!("the configuration's name is not valid: {error}"));
    key.parse().map_err(invalid)
}

fn owner_of(config: &Config, environment: &Environment) -> Result<OwnerKey, Failure> {
    owner(config, &environment.container, environment.interface.as_ref().map_or("", |name| name.as_str()))
}

pub(super) async fn add(
    client: &Client,
    config: &Config,
    environment: &Environment,
) -> Result<Value, Failure> {
    let asked = request(config, environment)?;
    let attached = timeout(ADD, client.post::<v1::Attached>("/weft/v1/endpoints", &asked)).await;
    let Ok(attached) = attached else {
        // It may be done yet, and nobody takes off what failed.
        let _ = timeout(DEL, detach(client, &owner_of(config, environment)?)).await;
        return Err(Failure::new(
            code::LATER,
            format!("the agent did not put it on the network within {ADD:?}"),
        )
        .details("see `weft status`"));
    };
    let attached = attached.map_err(|error| Failure::agent(&error))?;
    Ok(result(config.version_given(), &environment.netns, &attached, config.value("prevResult")))
}

/// A runtime cannot end a container otherwise: where no agent is, that is no failure.
pub(super) async fn del(client: &Client, config: &Config, environment: &Environment) -> Result<(), Failure> {
    match timeout(DEL, detach(client, &owner_of(config, environment)?)).await {
        Ok(Err(error)) if error.status().is_some() => Err(Failure::agent(&error)),
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => {
            eprintln!("weft: the agent does not answer; when it does, it takes off what has ended");
            Ok(())
        }
    }
}

async fn detach(client: &Client, owner: &OwnerKey) -> Result<(), crate::client::ClientError> {
    client.delete(&format!("/weft/v1/endpoints?owner={}", part(owner.as_str()))).await
}

/// Whether what was said of the container at its ADD still holds. Others of the chain may have changed what is theirs.
pub(super) async fn check(
    client: &Client,
    config: &Config,
    environment: &Environment,
) -> Result<(), Failure> {
    let owner = owner_of(config, environment)?;
    let there: Vec<v1::Attachment> =
        client.get("/weft/v1/attachments").await.map_err(|error| Failure::agent(&error))?;
    let there = there.into_iter().find(|it| it.owner == owner).ok_or_else(|| {
        Failure::new(code::CONFLICT, format!("container {} is not on the network", environment.container))
            .details("it has to be added again")
    })?;
    let said = config.value("prevResult").and_then(|it| it.get("ips")).and_then(Value::as_array);
    let said: Vec<IpAddr> =
        said.into_iter().flatten().filter_map(|ip| address(ip.get("address")?.as_str()?)).collect();
    if let Some(missing) = there.endpoint.addresses().find(|own| !said.is_empty() && !said.contains(own)) {
        let message = format!("the container's address is {missing}, which the result before does not have");
        return Err(Failure::new(code::CONFLICT, message).details("it has to be added again"));
    }
    Ok(())
}

/// What the agent is asked for.
pub(super) fn request(config: &Config, environment: &Environment) -> Result<v1::Attach, Failure> {
    let invalid = |what: &str, why: String| Failure::new(code::CONFIG, format!("{what}: {why}"));
    let network = config
        .arg("WEFT_NETWORK")
        .or_else(|| environment.arg("WEFT_NETWORK"))
        .or_else(|| config.text("network"));
    let network = network.ok_or_else(|| {
        Failure::new(code::CONFIG, "nothing says which network of weft is meant")
            .details("give \"network\" in the configuration, or WEFT_NETWORK among the arguments")
    })?;
    let (name, mut aliases) = names(environment);
    let name: EndpointName =
        name.parse().map_err(|error| invalid("the container's name", format!("{error}")))?;
    aliases.extend(
        environment.arg("WEFT_ALIASES").into_iter().flat_map(|all| all.split(',')).map(str::to_owned),
    );
    aliases.extend(aliases_of(config.capability("aliases")));
    let aliases = aliases.iter().map(|alias| alias.parse()).collect::<Result<Vec<EndpointName>, _>>();
    let mut aliases = aliases.map_err(|error| invalid("an alias", format!("{error}")))?;
    aliases.retain(|alias| *alias != name);
    aliases.dedup();
    let ips =
        config.capability("ips").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let by_args =
        ["IP", "WEFT_IP"].into_iter().filter_map(|key| environment.arg(key)).flat_map(|all| all.split(','));
    let (mut ipv4, mut ipv6) = (None, None);
    // What comes first counts.
    for text in ips.chain(by_args) {
        match address(text)
            .ok_or_else(|| invalid("an address that is asked for", format!("{text:?} is none")))?
        {
            IpAddr::V4(ip) => ipv4 = ipv4.or(Some(ip)),
            IpAddr::V6(ip) => ipv6 = ipv6.or(Some(ip)),
        }
    }
    let mac = config.capability("mac").and_then(Value::as_str).or_else(|| environment.arg("MAC"));
    let mac = mac
        .map(str::parse)
        .transpose()
        .map_err(|error| invalid("the Ethernet address", format!("{error}")))?;
    Ok(v1::Attach {
        network: network.to_owned(),
        name,
        netns: environment.netns.clone(),
        aliases,
        ipv4,
        ipv6,
        mac,
        owner: Some(owner_of(config, environment)?),
        container: Some(environment.container.clone()),
        interface: environment.interface.clone(),
        ports: ports(config.capability("portMappings"))?,
    })
}

/// What the container is called, by what its runtime says of it, and other names of it.
fn names(environment: &Environment) -> (String, Vec<String>) {
    // Old Podman says so of its containers, too.
    let told = ["WEFT_NAME", "K8S_POD_NAME"].into_iter().find_map(|key| environment.arg(key));
    if let Some(name) = told {
        return (name.to_owned(), Vec::new());
    }
    if let (Some(job), Some(group)) = (environment.arg("NOMAD_JOB_ID"), environment.arg("NOMAD_GROUP_NAME")) {
        let short: String = environment.container.chars().take(8).collect();
        // Several allocations share these: all of them are in the answer.
        return (format!("alloc-{short}"), vec![clean(&format!("{group}.{job}"))]);
    }
    let hostname = environment.arg("NERDCTL_CNI_DHCP_HOSTNAME").map(str::to_owned);
    (clean(&environment.container.chars().take(63).collect::<String>()), hostname.into_iter().collect())
}

/// As a host name has it.
fn clean(text: &str) -> String {
    let letter =
        |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c.to_ascii_lowercase() } else { '-' };
    text.chars().map(letter).collect::<String>().trim_matches(['-', '.']).to_owned()
}

/// A list, or by network, as Podman has it.
fn aliases_of(given: Option<&Value>) -> Vec<String> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    match given {
        Some(Value::Object(networks)) => networks.values().flat_map(texts).collect(),
        Some(list) => texts(list),
        None => Vec::new(),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<IpNet>().ok().map(|net| net.addr()))
}

fn ports(given: Option<&Value>) -> Result<Vec<PortMapping>, Failure> {
    let mut ports: Vec<PortMapping> = Vec::new();
    for entry in given.and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| field(entry, key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let number = |key: &str| field(entry, key).cloned().unwrap_or_default();
        let mut lower = serde_json::json!({
            "host_port": number("hostPort"), "port": number("containerPort"),
            "protocol": text("protocol").unwrap_or("tcp").to_ascii_lowercase(),
        });
        if let Some(ip) = text("hostIP") {
            lower["host_ip"] = ip.into();
        }
        let port = serde_json::from_value(lower).map_err(|error| {
            Failure::new(code::CONFIG, format!("the port {entry} cannot be published: {error}"))
        })?;
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests;
