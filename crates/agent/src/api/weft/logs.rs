//! `/weft/v1/processes/{process}/logs`: what a process wrote, and goes on writing.

use super::output::Output;
use crate::api::{
    SharedVerbs,
    extract::{Path, Query, flag},
    reply::Reply,
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use futures::Stream;
use serde::Deserialize;
use std::{io, pin::pin, time::Duration};
use weft_verbs::Error;

/// How often output that is followed is looked at. A file tells nobody that it grew, short of inotify, of
/// which a host has few.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
pub(super) struct Which {
    /// Whether to go on until the process ends.
    follow: Option<String>,
    /// How many lines to begin before the end; absent: all.
    tail: Option<u64>,
}

pub(super) async fn logs(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Reply<Response> {
    // By its id from here on: another process may get its name.
    let id = core.process(&name)?.id.to_string();
    let files = weft_process::logs(&core.process_dir(&id)?);
    let failed = |error: io::Error| Error::internal(&format!("cannot read the output of {name}"), error);
    let mut output = Output::open(files).await.map_err(failed)?;
    if let Some(lines) = which.tail {
        output.skip_to_tail(lines).await.map_err(failed)?;
    }
    let body = match flag(which.follow.as_deref()) {
        true => Body::from_stream(followed(core, id, output)),
        false => Body::from_stream(rest(output)),
    };
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// What there is by now.
fn rest(mut output: Output) -> impl Stream<Item = io::Result<Bytes>> {
    async_stream::try_stream! {
        loop {
            let chunk = output.read().await?;
            if chunk.is_empty() {
                break;
            }
            yield chunk;
        }
    }
}

/// What there is by the time the process has ended.
fn followed(core: SharedVerbs, id: String, mut output: Output) -> impl Stream<Item = io::Result<Bytes>> {
    async_stream::try_stream! {
        let mut ended = pin!(core.wait(&id));
        let mut over = false;
        loop {
            let chunk = output.read().await?;
            if !chunk.is_empty() {
                yield chunk;
            } else if over {
                break;
            } else {
                // However waiting ended, nothing more is written; what was is read once more.
                over = tokio::time::timeout(LOOK_AGAIN, ended.as_mut()).await.is_ok();
                output.look_for_newer().await?;
            }
        }
    }
}
