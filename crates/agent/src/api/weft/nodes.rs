//! `/weft/v1/nodes`.

use crate::api::{
    FromAfar, SharedVerbs,
    extract::{Path, Query, flag},
    reply::Reply,
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use weft_api::v1;
use weft_model::NodeName;
use weft_verbs::{Error, Kind, NodeView};

pub(super) async fn list(State(core): State<FromAfar>) -> Json<Vec<v1::Node>> {
    Json(core.nodes().into_iter().map(node).collect())
}

pub(super) async fn inspect(State(core): State<FromAfar>, Path(name): Path<String>) -> Reply<Json<v1::Node>> {
    Ok(Json(node(core.node(&name).await?)))
}

#[derive(Deserialize)]
pub(super) struct Revoke {
    revoke: Option<String>,
}

pub(super) async fn remove(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
    Query(query): Query<Revoke>,
) -> Reply<StatusCode> {
    let name: NodeName = name.parse().map_err(Error::invalid)?;
    let revoke = flag(query.revoke.as_deref());
    if revoke {
        core.revoke_node(&name).await?;
    }
    match core.remove_node(&name).await {
        // That its agent runs is why it was revoked: what it has is taken by another `node rm`, when it has ended.
        Err(error) if revoke && error.kind == Kind::Conflict => {}
        removed => removed?,
    }
    Ok(StatusCode::NO_CONTENT)
}

fn node(view: NodeView) -> v1::Node {
    v1::Node {
        name: view.name,
        id: view.node.id,
        up: view.up,
        since: view.since,
        expires: view.expires,
        advertise: view.node.advertise,
        vtep: view.node.vtep,
        vxlan_port: view.node.vxlan_port,
        underlay_mtu: view.node.underlay_mtu,
        version: view.node.version,
        endpoints: view.endpoints,
        this: view.this,
    }
}
