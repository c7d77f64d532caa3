//! `docker network connect` and `disconnect`: the engine's, but for what it does not know.

use super::Look;
use crate::{Proxy, forward::Reply};
use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::IntoResponse,
};
use weft_api::docker;
use weft_network_api::ErrorAnswer;
use weft_verbs::{Error, Kind};

impl Proxy {
    pub(crate) async fn connect(
        &self,
        version: &str,
        network: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let (_, request) = self.translate(version, network, "/connect", request);
        self.pass(request, false).await
    }

    /// Of a container that the engine does not know, the cluster may: one of a host that is down is taken off
    /// there, and of one of a host that is up it says where it is.
    pub(crate) async fn disconnect(
        &self,
        version: &str,
        network: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let (network, request) = self.translate(version, network, "/disconnect", request);
        let request = super::whole(request).await?;
        let asked = serde_json::from_slice::<docker::Disconnect>(request.body());
        let reply = self.pass(request.map(Body::from), false).await?;
        let unknown = matches!(&reply, Reply::Answer(answer) if answer.status() == StatusCode::NOT_FOUND);
        let Some(asked) = asked.ok().filter(|asked| unknown && !asked.container.is_empty()) else {
            return Ok(reply);
        };
        let Look::Found(found) = self.look(version, &network).await? else { return Ok(reply) };
        let Some(ours) = self.ours(&found) else { return Ok(reply) };
        match self.verbs.disconnect(&ours.name(), &asked.container, asked.force).await {
            Ok(()) => Ok(StatusCode::OK.into_response().into()),
            Err(Error { kind: Kind::NotFound, .. }) => Ok(reply),
            Err(error) => Err(error.into()),
        }
    }
}
