//! `/weft/v1/nodes`.

use crate::api::{
    FromAfar, SharedVerbs,
    extract::{Path, Query, flag},
    reply::Reply,
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use std::time::Duration;
use weft_api::v1;
use weft_model::NodeName;
use weft_path::Reach;
use weft_verbs::{AgentView, Error, Kind, NodeView};

pub(super) async fn list(State(core): State<FromAfar>) -> Json<Vec<v1::Node>> {
    Json(core.nodes().into_iter().map(node).collect())
}

pub(super) async fn inspect(State(core): State<FromAfar>, Path(name): Path<String>) -> Reply<Json<v1::Node>> {
    Ok(Json(node(core.node(&name).await?)))
}

pub(super) async fn agent(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
) -> Reply<Json<v1::Agent>> {
    let AgentView { name, id, version, since } = core.ask_agent(&name).await?;
    Ok(Json(v1::Agent { name, id, version, since }))
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
        device_mtu: view.node.device_mtu,
        fingerprint: view.node.fingerprint,
        version: view.node.version,
        endpoints: view.endpoints,
        this: view.this,
        path: view.path.map(|path| measured(&path)),
    }
}

fn measured(path: &weft_path::Path) -> v1::Path {
    let state = match path.reach {
        Reach::Both if path.is_narrow() => v1::PathState::Narrow,
        Reach::Both => v1::PathState::Works,
        Reach::Nothing => v1::PathState::Lost,
        Reach::OnlyFromThere => v1::PathState::OneWay,
        Reach::Unknown => v1::PathState::Unknown,
    };
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    v1::Path {
        state,
        round_trip_us: path.round_trip.map(micros),
        lost_permille: path.lost,
        mtu: path.passes(),
        full_mtu: path.full,
    }
}
