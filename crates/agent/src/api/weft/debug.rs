//! `/weft/v1/debug`: what a bug report needs besides.

use crate::api::SharedVerbs;
use axum::{Json, extract::State};
use weft_api::v1;
use weft_verbs::DebugInfo;

pub(super) async fn inside(State(core): State<SharedVerbs>) -> Json<v1::DebugInfo> {
    let DebugInfo { settings, log, keys } = core.inside().await;
    let keys_error = keys.as_ref().err().cloned();
    let keys =
        keys.unwrap_or_default().into_iter().map(|(key, bytes)| v1::StoredKey { key, bytes }).collect();
    Json(v1::DebugInfo { settings, log, keys, keys_error })
}
