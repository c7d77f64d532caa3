//! `/weft/v1/status` and `/weft/v1/plan`.

use crate::{
    api::{Core, reply::Reply},
    core::Status,
};
use axum::{Json, extract::State};
use weft_api::v1;

pub(super) async fn status(State(core): State<Core>) -> Json<v1::Status> {
    Json(report(core.status()))
}

pub(super) async fn plan(State(core): State<Core>) -> Reply<Json<v1::Plan>> {
    Ok(Json(v1::Plan { steps: core.plan().await? }))
}

fn report(status: Status) -> v1::Status {
    v1::Status {
        node: status.node,
        id: status.id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: status.started,
        advertise: status.advertise,
        vtep: status.vtep,
        vxlan_port: status.vxlan_port,
        data_dir: status.data_dir,
        store: v1::Store {
            url: status.store.description,
            since: status.store.since,
            error: status.store.error,
        },
        engine: status.engine.map(|engine| v1::Engine {
            address: engine.address,
            since: engine.since,
            version: engine.version.as_ref().ok().cloned(),
            error: engine.version.err(),
        }),
        counts: status.counts.into_iter().map(|(what, count)| (what.to_owned(), count)).collect(),
        round: status.round.map(|round| v1::Round {
            at: round.at,
            took_us: u64::try_from(round.took.as_micros()).unwrap_or(u64::MAX),
            steps: round.steps,
            failures: round.failures,
        }),
        problems: status.problems,
    }
}
