//! `/api`: what the page asks for.

use crate::{
    Feed, Source,
    feed::{Looker, Message, written},
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::Stream;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{timeout, timeout_at},
};

/// How long a look at the agent is waited for.
const LOOK: Duration = Duration::from_secs(10);
/// How often a stream says that it is still there, so that both sides notice when it is not.
const STILL_HERE: Duration = Duration::from_secs(15);

const JSON: [(header::HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
const STREAM: [(header::HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];

/// Everything, as one document.
pub(crate) async fn state(State(feed): State<Arc<Feed>>) -> Response {
    let _looker = seen(&feed).await;
    match feed.begin() {
        Ok((whole, _)) => (JSON, whole).into_response(),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Everything, and then what changes and what happens, for as long as the page looks.
pub(crate) async fn stream(State(feed): State<Arc<Feed>>) -> Response {
    (STREAM, Body::from_stream(messages(feed))).into_response()
}

/// What happened, as far as the agent remembers.
pub(crate) async fn events<S: Source>(source: Arc<S>) -> Response {
    match timeout(LOOK, source.remembered()).await {
        Ok(Ok(events)) => (JSON, axum::Json(events)).into_response(),
        Ok(Err(why)) => failed(StatusCode::BAD_GATEWAY, &why),
        Err(_) => failed(StatusCode::GATEWAY_TIMEOUT, "the agent does not answer"),
    }
}

fn failed(status: StatusCode, why: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(serde_json::json!({ "message": why })))
        .into_response()
}

/// Waits until the agent was looked at after now. What nobody looks at is old.
async fn seen(feed: &Arc<Feed>) -> Looker {
    let mut looks = feed.looks();
    let looker = feed.look();
    let _ = timeout(LOOK, looks.changed()).await;
    looker
}

fn messages(feed: Arc<Feed>) -> impl Stream<Item = io::Result<Bytes>> {
    async_stream::try_stream! {
        let _looker = seen(&feed).await;
        loop {
            let (whole, mut news) = feed.begin()?;
            yield bytes(&written("state", &whole));
            loop {
                let until = tokio::time::Instant::now() + STILL_HERE;
                match timeout_at(until, news.recv()).await {
                    Ok(Ok(message)) => yield bytes(&message),
                    // Too far behind: the whole anew.
                    Ok(Err(RecvError::Lagged(_))) => break,
                    Ok(Err(RecvError::Closed)) => return,
                    Err(_) => yield Bytes::from_static(b": still here\n\n"),
                }
            }
        }
    }
}

fn bytes(message: &Message) -> Bytes {
    Bytes::copy_from_slice(message.as_bytes())
}
