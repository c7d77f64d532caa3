//! One client, from its first request to its end.

use super::{
    Proxy,
    forward::Reply,
    hang_up::HangUp,
    tunnel::{self, End},
};
use axum::{
    body::Body,
    http::{
        HeaderMap, Request, Response,
        header::{CONNECTION, CONTENT_TYPE, UPGRADE},
    },
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
use weft_http::{Slot, attend};
use weft_model::chain;

/// How long a client may take to send a request's headers, and to think before it: as the engine lets it
/// (moby, `cmd/dockerd/daemon.go`).
const HEADERS_WITHIN: Duration = Duration::from_secs(5 * 60);

/// The connection is not ours any more: what an answer would be is the engine's to say.
#[derive(Debug, thiserror::Error)]
#[error("the connection is handed over")]
struct HandedOver;

/// Serves a client until it goes.
pub(super) async fn converse(
    stream: UnixStream,
    slot: Arc<Slot>,
    proxy: Arc<Proxy>,
    shutdown: CancellationToken,
) {
    let hang_up = HangUp::of(&stream);
    let takeover = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let answer = |request| answer(request, Arc::clone(&proxy), Arc::clone(&takeover));
        Box::pin(attend(Arc::clone(&slot), request.map(Body::new), answer))
    });
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
            () = slot.wanted() => return,
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let taken = takeover.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (taken, ended) {
        (Some(engine), _) => {
            // What is said in it, and how seldom, is none of ours.
            slot.answering();
            let parts = connection.into_parts();
            let client = End { stream: parts.io.into_inner(), said: parts.read_buf };
            tunnel::join(client, &hang_up, engine).await;
        }
        // A client that goes away in the middle of an answer is none of ours to repair.
        (None, Err(error)) => tracing::debug!(error = chain(&error), "a client's connection broke"),
        (None, Ok(())) => {}
    }
}

async fn answer(
    request: Request<Body>,
    proxy: Arc<Proxy>,
    takeover: Arc<Mutex<Option<End>>>,
) -> Result<Response<Body>, HandedOver> {
    let take_over = |engine| *takeover.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine);
    match proxy.answer(request).await {
        Reply::Answer(response) => Ok(response),
        Reply::Switch(response, engine) => {
            take_over(engine);
            Ok(response)
        }
        Reply::Hijack(response, mut engine) => {
            engine.said = [&raw_stream(response.headers()), &engine.said[..]].concat().into();
            take_over(engine);
            Err(HandedOver)
        }
    }
}

/// How the engine answers a client that did not ask for an upgrade: it just goes on (moby,
/// `daemon/server/router/container`).
fn raw_stream(headers: &HeaderMap) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n".to_vec();
    for (name, value) in headers {
        if ![CONTENT_TYPE, CONNECTION, UPGRADE].contains(name) {
            head.extend(title_case(name.as_str()).bytes());
            head.extend([b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    head.extend(b"\r\n");
    head
}

/// As Go writes names of headers.
fn title_case(name: &str) -> String {
    let mut first = true;
    let shown = |letter: char| {
        if std::mem::replace(&mut first, letter == '-') { letter.to_ascii_uppercase() } else { letter }
    };
    name.chars().map(shown).collect()
}
