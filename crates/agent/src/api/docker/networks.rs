//! `/networks`.

use crate::api::{
    FromAfar,
    extract::{Json, Path, Query},
    reply::Reply,
};
use axum::{extract::State, http::StatusCode};
use jiff::Timestamp;
use weft_api::docker;
use weft_network_api::{Filtered, Scoped, connect, create, select, view};
use weft_verbs::Error;

pub(super) async fn list(
    State(core): State<FromAfar>,
    Query(query): Query<Filtered>,
) -> Reply<axum::Json<Vec<docker::Network>>> {
    let filter = select::Select::parse(&query.parse()?)?;
    let choose = || {
        let networks = core.networks();
        networks.iter().filter(|network| filter.matches(network)).map(view::summary).collect::<Vec<_>>()
    };
    let mut chosen = choose();
    // Scripts ask in this way whether there is one.
    if chosen.is_empty() {
        core.look_again().await;
        chosen = choose();
    }
    // As the engine: the newest last.
    chosen.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    Ok(axum::Json(chosen))
}

pub(super) async fn inspect(
    State(core): State<FromAfar>,
    Path(network): Path<String>,
    Query(query): Query<Scoped>,
) -> Reply<axum::Json<docker::Network>> {
    if !query.includes_ours() {
        return Err(Error::not_found("network", &network).into());
    }
    let found = core.network(&network).await?;
    Ok(axum::Json(view::full(&found, &core.nodes(), &core.room(found.id))))
}

pub(super) async fn create(
    State(core): State<FromAfar>,
    Json(body): Json<docker::CreateNetwork>,
) -> Reply<(StatusCode, axum::Json<docker::CreatedNetwork>)> {
    let warning = create::warning(&body);
    let id = core.create_network(create::parse(body)?).await?;
    Ok((StatusCode::CREATED, axum::Json(docker::CreatedNetwork { id: id.to_string(), warning })))
}

pub(super) async fn remove(State(core): State<FromAfar>, Path(network): Path<String>) -> Reply<StatusCode> {
    core.remove_network(&network).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn prune(
    State(core): State<FromAfar>,
    Query(query): Query<Filtered>,
) -> Reply<axum::Json<docker::PrunedNetworks>> {
    let filter = select::prune(&query.parse()?, Timestamp::now())?;
    let removed = core.prune_networks(filter).await?;
    let networks_deleted = removed.into_iter().map(String::from).collect();
    Ok(axum::Json(docker::PrunedNetworks { networks_deleted }))
}

pub(super) async fn connect(
    State(core): State<FromAfar>,
    Path(network): Path<String>,
    Json(body): Json<docker::Connect>,
) -> Reply<StatusCode> {
    let options = connect::parse(&body)?;
    core.connect(&network, &body.container, options).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn disconnect(
    State(core): State<FromAfar>,
    Path(network): Path<String>,
    Json(body): Json<docker::Disconnect>,
) -> Reply<StatusCode> {
    if body.container.is_empty() {
        return Err(Error::invalid("no container given").into());
    }
    core.disconnect(&network, &body.container, body.force).await?;
    Ok(StatusCode::OK)
}
