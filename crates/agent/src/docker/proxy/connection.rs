//! One client, from its first request to its end.

use super::{
    Proxy,
    forward::Reply,
    hang_up::HangUp,
    tunnel::{self, End},
};
use crate::error::chain;
use axum::{
    body::Body,
    http::{Request, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's headers, and to think before it: as the engine lets it
/// (moby, `cmd/dockerd/daemon.go`).
const HEADERS_WITHIN: Duration = Duration::from_secs(5 * 60);

/// How the engine answers who did not ask for an upgrade when it hands a connection over (moby,
/// `daemon/server/router/container`).
const RAW_STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n";

/// The engine's end of a connection that is no longer HTTP, and what is to be said to the client first.
struct Takeover {
    engine: End,
    first: &'static [u8],
}

/// The connection is not ours any more: what an answer would be is the engine's to say.
#[derive(Debug, thiserror::Error)]
#[error("the connection is handed over")]
struct HandedOver;

/// Serves a client until it goes.
pub(super) async fn converse(stream: UnixStream, proxy: Arc<Proxy>, shutdown: CancellationToken) {
    let hang_up = HangUp::of(&stream);
    let takeover = Arc::new(Mutex::new(None));
    let service = service_fn(|request| Box::pin(answer(request, Arc::clone(&proxy), Arc::clone(&takeover))));
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .preserve_header_case(true)
        .title_case_headers(true)
        // One that sends no more still reads. One that has gone is noticed otherwise.
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            () = hang_up.wait() => return,
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let taken = takeover.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (taken, ended) {
        (Some(Takeover { mut engine, first }), _) => {
            engine.said = [first, &engine.said].concat().into();
            let parts = connection.into_parts();
            let client = End { stream: parts.io.into_inner(), said: parts.read_buf };
            tunnel::join(client, engine).await;
        }
        // A client that goes away in the middle of an answer is none of ours to repair.
        (None, Err(error)) => tracing::debug!(error = chain(&error), "a client's connection broke"),
        (None, Ok(())) => {}
    }
}

async fn answer(
    request: Request<Incoming>,
    proxy: Arc<Proxy>,
    takeover: Arc<Mutex<Option<Takeover>>>,
) -> Result<Response<Body>, HandedOver> {
    let take_over = |engine, first| {
        *takeover.lock().unwrap_or_else(PoisonError::into_inner) = Some(Takeover { engine, first });
    };
    match proxy.answer(request.map(Body::new)).await {
        Reply::Answer(response) => Ok(response),
        Reply::Switch(response, engine) => {
            take_over(engine, b"");
            Ok(response)
        }
        Reply::Hijack(engine) => {
            take_over(engine, RAW_STREAM);
            Err(HandedOver)
        }
    }
}
