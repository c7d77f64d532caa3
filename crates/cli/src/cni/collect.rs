//! STATUS and GC: whether containers can begin, and what is left of those that have ended.

use super::{
    attach::{owner, prefix},
    config::Config,
    environment::Environment,
    failure::{Failure, code},
};
use crate::client::{Client, part};
use serde_json::Value;
use std::collections::BTreeSet;
use weft_api::{docker, v1};

/// Whether an ADD would be served.
pub(super) async fn status(
    client: &Client,
    config: &Config,
    environment: &Environment,
) -> Result<(), Failure> {
    let not_available = |message: String| Failure::new(code::NOT_AVAILABLE, message);
    let status: v1::Status =
        client.get("/weft/v1/status").await.map_err(|error| not_available(error.to_string()))?;
    if let Some(error) = &status.store.error {
        return Err(not_available(format!("the store is out of reach: {error}")));
    }
    if !status.joined {
        return Err(not_available("this host is not in its cluster; see `weft status`".into()));
    }
    if let Some(network) = environment.arg("WEFT_NETWORK").or_else(|| config.text("network")) {
        let there = client.get::<docker::Network>(&format!("/networks/{}", part(network))).await;
        there.map_err(|error| not_available(error.to_string()))?;
    }
    Ok(())
}

/// Takes off what came through this conflist and is not in use any more, and nothing else.
pub(super) async fn gc(client: &Client, config: &Config) -> Result<(), Failure> {
    let valid = config.value("cni.dev/valid-attachments").and_then(Value::as_array).ok_or_else(|| {
        Failure::new(
            code::CONFIG,
            "GC lacks \"cni.dev/valid-attachments\": nothing says what is still in use",
        )
    })?;
    if config.name().is_empty() {
        return Err(Failure::new(code::CONFIG, "the configuration has no name"));
    }
    let mut keep = BTreeSet::new();
    for attachment in valid {
        let text = |key: &str| attachment.get(key).and_then(Value::as_str);
        let (Some(container), Some(interface)) = (text("containerID"), text("ifname")) else {
            let message = format!("an attachment that is in use is not valid: {attachment}");
            return Err(Failure::new(code::CONFIG, message));
        };
        keep.insert(owner(config, container, interface)?);
    }
    let there: Vec<v1::Attachment> =
        client.get("/weft/v1/attachments").await.map_err(|error| Failure::agent(&error))?;
    let prefix = prefix(config);
    let unused = there.into_iter().map(|it| it.owner);
    let unused = unused.filter(|owner| owner.as_str().starts_with(&prefix) && !keep.contains(owner));
    let mut failure = None;
    for owner in unused {
        let gone = client.delete(&format!("/weft/v1/endpoints?owner={}", part(owner.as_str()))).await;
        // The rest can go all the same.
        failure = gone.err().or(failure);
    }
    failure.map_or(Ok(()), |error| Err(Failure::agent(&error)))
}
