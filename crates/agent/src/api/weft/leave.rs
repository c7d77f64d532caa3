//! `/weft/v1/leave`.

use crate::api::{SharedVerbs, extract::Json, reply::Reply};
use axum::extract::State;
use weft_api::v1;
use weft_verbs::Leave;

pub(super) async fn leave(
    State(core): State<SharedVerbs>,
    Json(body): Json<v1::Leave>,
) -> Reply<axum::Json<v1::Left>> {
    let v1::Leave { force, purge, dry_run } = body;
    let behind = core.leave(Leave { force, purge, dry_run }).await?;
    Ok(axum::Json(v1::Left { behind }))
}
