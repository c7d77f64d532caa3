//! What is said about networks: the cluster's are answered for here, the rest is the engine's.
//!
//! Which network is meant is always the engine's to say, since a name can be the start of another's id. Whether
//! it is one of ours, and which, the task that follows the engine has noted.

mod connect;
mod create;
mod prune;
mod remove;
mod show;

use super::{Proxy, engine::EngineError};
use axum::{
    body::{Body, Bytes},
    http::{Method, Request, Response, StatusCode},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::time::Duration;
use weft_docker::plugin::DRIVER;
use weft_model::NetworkId;
use weft_network_api::{ErrorAnswer, MAX_BODY};
use weft_verbs::NetworkView;

/// The pause between looks whether it has. What is looked at is in memory, until it has.
const PAUSE: Duration = Duration::from_millis(2);

/// The shortest start of an id of the cluster's that is understood: as lists show it.
const SHORT_ID: usize = 12;

/// A network of the cluster, as this engine has it.
struct Ours {
    /// The engine's id.
    engine: NetworkId,
    /// The network.
    view: NetworkView,
}

/// What is read of an engine's network: enough to know whether it is one of ours. All else is between engine and
/// client.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Seen {
    id: String,
    name: String,
    driver: String,
}

/// What the engine says when it is asked for a network.
enum Look {
    /// It has it.
    Found(Seen),
    /// It does not.
    Unknown,
    /// Something else, which is what the client is to be told.
    Refused(Response<Bytes>),
}

impl Ours {
    /// The network by the engine's id: the one that everything else the engine says refers to.
    fn by_engines_id(&self) -> NetworkView {
        NetworkView { id: self.engine, ..self.view.clone() }
    }

    /// The cluster's id, as the verbs take it.
    fn name(&self) -> String {
        self.view.id.to_string()
    }
}

impl Proxy {
    /// Asks the engine for a network.
    async fn look(&self, version: &str, network: &str) -> Result<Look, EngineError> {
        let answer = self.engine.ask(Method::GET, &path(version, network, "")).await?;
        Ok(match answer.status() {
            StatusCode::NOT_FOUND => Look::Unknown,
            StatusCode::OK => Look::Found(serde_json::from_slice(answer.body()).unwrap_or_default()),
            _ => Look::Refused(answer),
        })
    }

    /// The network of the cluster that `network` of the engine is.
    fn ours(&self, network: &Seen) -> Option<Ours> {
        if network.driver != DRIVER {
            return None;
        }
        let engine = network.id.parse().ok()?;
        let id = (*self.networks.engine_networks().get(&engine)?)?;
        let view = self.verbs.known_network(id)?;
        Some(Ours { engine, view })
    }

    /// What the engine calls `network`, if that is the cluster's id of a network, or the start of one: what the
    /// other hosts and `weft network ls` show.
    fn by_clusters_id(&self, network: &str) -> Option<NetworkId> {
        if network.len() < SHORT_ID {
            return None;
        }
        let known = self.networks.engine_networks();
        if known.keys().any(|engine| engine.to_string().starts_with(network)) {
            return None;
        }
        let is_meant = |id: &NetworkId| id.to_string().starts_with(network);
        let mut meant =
            known.iter().filter(|(_, clusters)| clusters.as_ref().is_some_and(is_meant)).map(|(id, _)| *id);
        meant.next().filter(|_| meant.next().is_none())
    }

    /// `network` in the engine's words, and the request with it.
    fn translate(
        &self,
        version: &str,
        network: &str,
        ending: &str,
        mut request: Request<Body>,
    ) -> (String, Request<Body>) {
        let Some(id) = self.by_clusters_id(network) else { return (network.to_owned(), request) };
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = (path(version, &id.to_string(), ending) + &query).parse() {
            *request.uri_mut() = uri;
        }
        (id.to_string(), request)
    }

    /// Waits until the engine has a network of the cluster. Returns the engine's id for it.
    async fn until_engine_has(&self, version: &str, network: NetworkId) -> Option<NetworkId> {
        let has = async {
            loop {
                let known = self.networks.engine_networks();
                let known = known.iter().find(|(_, clusters)| **clusters == Some(network));
                // It is noted before the engine is quite done with it.
                if let Some((id, _)) = known
                    && matches!(self.look(version, &id.to_string()).await, Ok(Look::Found(_)))
                {
                    return *id;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(self.patience, has).await.ok()
    }

    /// Waits until the engine has let go of a network, by its own id.
    ///
    /// # Errors
    /// If it has not after a while.
    async fn until_engine_lets_go(&self, version: &str, network: &Ours) -> Result<(), ErrorAnswer> {
        let gone = async {
            while self.networks.engine_networks().contains_key(&network.engine)
                || !matches!(self.look(version, &network.engine.to_string()).await, Ok(Look::Unknown))
            {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(self.patience, gone).await.map_err(|_| {
            let message = format!(
                "network {} is removed from the cluster, but this host's engine has not let go of it for {} s, \
                 and goes on trying: see `weft status`",
                network.view.network.name,
                self.patience.as_secs()
            );
            ErrorAnswer::new(StatusCode::GATEWAY_TIMEOUT, message)
        })
    }
}

fn path(version: &str, network: &str, ending: &str) -> String {
    format!("{version}/networks/{}{ending}", utf8_percent_encode(network, NON_ALPHANUMERIC))
}

/// Reads a request whole: those about networks are small.
async fn whole(request: Request<Body>) -> Result<Request<Bytes>, ErrorAnswer> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| {
        let message = format!("the request's body broke off, or is larger than {MAX_BODY} bytes");
        ErrorAnswer::new(StatusCode::BAD_REQUEST, message)
    })?;
    Ok(Request::from_parts(parts, body))
}
