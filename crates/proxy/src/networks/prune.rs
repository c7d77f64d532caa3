//! `docker network prune`.

use super::{Ours, show::Element};
use crate::{Proxy, forward::Reply};
use axum::{
    Json,
    body::Body,
    extract::Query,
    http::{Method, Request, StatusCode},
    response::IntoResponse,
};
use jiff::Timestamp;
use weft_api::docker;
use weft_network_api::{ErrorAnswer, Filtered, select};
use weft_verbs::PruneFilter;

/// The networks that every engine has.
const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

impl Proxy {
    /// Asked to prune, the engine would remove ours that only other hosts use: so each of the others is removed
    /// by itself, which the engine refuses where one is in use.
    pub(crate) async fn prune_networks(
        &self,
        version: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let filters =
            Query::<Filtered>::try_from_uri(request.uri()).ok().and_then(|query| query.parse().ok());
        let Some(Ok(filter)) = filters.map(|filters| select::prune(&filters, Timestamp::now())) else {
            // It says what is wrong with them.
            return self.pass(request, false).await;
        };
        let answer = self.engine.ask(Method::GET, &format!("{version}/networks")).await?;
        if answer.status() != StatusCode::OK {
            return Ok(answer.into());
        }
        let listed: Vec<Element> = serde_json::from_slice(answer.body()).unwrap_or_default();
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for element in &listed {
            match self.as_ours(element) {
                Some(known) => ours.push(known),
                // What cannot be read is not known to match.
                None => others.extend(serde_json::from_str::<docker::Network>(element.get())),
            }
        }
        let mut networks_deleted = self.prune_others(version, &others, &filter).await?;
        networks_deleted.extend(self.prune_ours(version, &ours, filter).await?);
        Ok(Json(docker::PrunedNetworks { networks_deleted }).into_response().into())
    }

    async fn prune_others(
        &self,
        version: &str,
        others: &[docker::Network],
        filter: &PruneFilter,
    ) -> Result<Vec<String>, ErrorAnswer> {
        let mut removed = Vec::new();
        for network in others.iter().filter(|network| !PREDEFINED.contains(&network.name.as_str())) {
            if filter.matches_one_with(&network.labels, network.created) && !network.ingress {
                let answer = self.engine.ask(Method::DELETE, &super::path(version, &network.id, "")).await?;
                if answer.status().is_success() {
                    removed.push(network.name.clone());
                }
            }
        }
        Ok(removed)
    }

    async fn prune_ours(
        &self,
        version: &str,
        ours: &[Ours],
        filter: PruneFilter,
    ) -> Result<Vec<String>, ErrorAnswer> {
        let removed = self.verbs.prune_networks(filter).await?;
        for network in ours.iter().filter(|network| removed.contains(&network.view.network.name)) {
            self.until_engine_lets_go(version, network).await?;
        }
        Ok(removed.into_iter().map(String::from).collect())
    }
}
