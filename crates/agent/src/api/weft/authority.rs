//! `/weft/v1/authority`.

use crate::api::{SharedVerbs, extract::Json, reply::Reply};
use axum::{extract::State, http::StatusCode};
use weft_api::v1;
use weft_verbs::AuthorityView;

pub(super) async fn inspect(State(core): State<SharedVerbs>) -> Reply<axum::Json<v1::Authority>> {
    let AuthorityView { believed, holders, behind } = core.authority()?;
    Ok(axum::Json(v1::Authority { believed, holders, behind }))
}

pub(super) async fn rotate(
    State(core): State<SharedVerbs>,
    Json(body): Json<v1::Rotate>,
) -> Reply<StatusCode> {
    core.rotate_authority(body.finish).await?;
    Ok(StatusCode::NO_CONTENT)
}
