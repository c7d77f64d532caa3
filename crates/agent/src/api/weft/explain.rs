//! `/weft/v1/explain`.

use super::endpoints::endpoint;
use crate::api::{SharedVerbs, extract::Query, reply::Reply};
use axum::{Json, extract::State};
use serde::Deserialize;
use weft_api::v1;
use weft_model::ServicePort;
use weft_verbs::{Error, Explanation};

/// The question.
#[derive(Deserialize)]
pub(super) struct Question {
    from: String,
    to: String,
    port: Option<String>,
}

pub(super) async fn explain(
    State(core): State<SharedVerbs>,
    Query(question): Query<Question>,
) -> Reply<Json<v1::Explanation>> {
    let Question { from, to, port } = question;
    let port: Option<ServicePort> = port.map(|port| port.parse()).transpose().map_err(Error::invalid)?;
    let Explanation { from, to, passes, findings } = core.explain(&from, &to, port).await?;
    Ok(Json(v1::Explanation { from: endpoint(from), to: endpoint(to), passes, findings }))
}
