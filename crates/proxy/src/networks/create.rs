//! `docker network create -d overlay`.

use super::Look;
use crate::{Proxy, forward::Reply};
use axum::{
    Json,
    body::Body,
    http::{Request, StatusCode},
    response::IntoResponse,
};
use weft_api::docker;
use weft_docker::plugin::DRIVER;
use weft_network_api::{ErrorAnswer, create};
use weft_verbs::Error;

impl Proxy {
    pub(crate) async fn create_network(
        &self,
        version: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let request = super::whole(request).await?;
        let Some(wanted) = serde_json::from_slice(request.body()).ok().filter(is_ours) else {
            return self.pass(request.map(Body::from), false).await;
        };
        let mut warning = create::warning(&wanted);
        let request = create::parse(wanted)?;
        let name = request.name.clone();
        // The cluster would have it, and this engine never could.
        match self.look(version, name.as_str()).await? {
            Look::Found(found) if found.name == name.as_str() && found.driver != DRIVER => {
                return Err(Error::conflict(format!(
                    "network with name {name} already exists: this host's engine has one with driver {}",
                    found.driver
                ))
                .into());
            }
            // Of ours the cluster decides; one that it has no more, the engine is about to let go of.
            Look::Found(_) | Look::Unknown => {}
            Look::Refused(answer) => return Ok(answer.into()),
        }
        let id = self.verbs.create_network(request).await?;
        let engines = self.until_engine_has(version, id).await;
        if engines.is_none() {
            let separator = if warning.is_empty() { "" } else { "; " };
            warning += separator;
            warning +=
                "the network is created, but this host's engine does not have it yet: see `weft status`";
        }
        let created = docker::CreatedNetwork { id: engines.unwrap_or(id).to_string(), warning };
        Ok((StatusCode::CREATED, Json(created)).into_response().into())
    }
}

/// Whether a network is the cluster's to make: what can only be Swarm's, and templates for networks of one host,
/// are not.
fn is_ours(wanted: &docker::CreateNetwork) -> bool {
    let swarms = wanted.ingress || wanted.scope == "swarm";
    matches!(wanted.driver.as_str(), "overlay" | "weft") && !swarms && !wanted.config_only
}
