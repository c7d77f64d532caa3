//! `/weft/v1/users`.

use crate::api::{SharedVerbs, extract::Path, reply::Reply};
use axum::{extract::State, http::StatusCode};
use weft_model::{InvalidId, NodeId, UserName};
use weft_verbs::Error;

pub(super) async fn revoke(
    State(core): State<SharedVerbs>,
    Path((user, id)): Path<(String, String)>,
) -> Reply<StatusCode> {
    let user: UserName = user.parse().map_err(Error::invalid)?;
    let id: NodeId = id.parse().map_err(|error: InvalidId| Error::invalid(error))?;
    core.revoke_user(&user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
