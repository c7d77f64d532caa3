//! `docker network rm`.

use super::Look;
use crate::{Proxy, forward::Reply};
use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::IntoResponse,
};
use weft_network_api::ErrorAnswer;
use weft_verbs::{Error, Kind, refuse_if_kept};

impl Proxy {
    /// The engine would not ask whether a network is in use elsewhere, and would not listen to its driver either:
    /// so the cluster removes it first, and the engine follows.
    pub(crate) async fn remove_network(
        &self,
        version: &str,
        network: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let (network, request) = self.translate(version, network, "", request);
        let ours = match self.look(version, &network).await? {
            Look::Found(found) => self.ours(&found),
            Look::Refused(answer) => return Ok(answer.into()),
            // What the cluster has and this engine does not can be removed, too.
            Look::Unknown => {
                if let Ok(view) = self.verbs.network(&network).await {
                    refuse_if_kept(&view.network)?;
                }
                match self.verbs.remove_network(&network).await {
                    Ok(()) => return Ok(StatusCode::NO_CONTENT.into_response().into()),
                    Err(Error { kind: Kind::NotFound, .. }) => None,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let Some(ours) = ours else { return self.pass(request, false).await };
        refuse_if_kept(&ours.view.network)?;
        match self.verbs.remove_network(&ours.name()).await {
            // It is gone already.
            Err(Error { kind: Kind::NotFound, .. }) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
        self.until_engine_lets_go(version, &ours).await?;
        Ok(StatusCode::NO_CONTENT.into_response().into())
    }
}
