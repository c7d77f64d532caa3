//! Connections: each has a task, so that a slow one holds nobody up, and limits, so that it ends.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use std::{sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use weft_http::{Slot, attentive, each_connection};

/// The most connections at a time. An agent holds two or three: enough for a thousand of them.
const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take for the head of a request, and stay silent between two.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);
/// How long a client may take to take in what was sent, in milliseconds.
const UNREAD_DEADLINE_MS: u32 = 30_000;

/// Serves every client that connects. The connections end with this future, also when it is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let end = CancellationToken::new();
    let _dropped = end.clone().drop_guard();
    let converse = |stream, slot| {
        let (end, router) = (end.clone(), router.clone());
        async move {
            end.run_until_cancelled_owned(serve(stream, router, slot)).await;
        }
    };
    each_connection(listener, MAX_CONNECTIONS, Duration::ZERO, &CancellationToken::new(), converse).await;
}

async fn serve(stream: TcpStream, router: Router, slot: Arc<Slot>) {
    // A client that stops reading, or is gone without a word, ends by this (tcp(7), TCP_USER_TIMEOUT).
    let limited = sockopt::set_tcp_user_timeout(&stream, UNREAD_DEADLINE_MS);
    if let Err(error) = limited.map_err(std::io::Error::from).and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!(%error, "cannot set up a connection to the store");
        return;
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), attentive(router, &slot));
    tokio::select! {
        biased;
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the store broke");
        },
        () = slot.wanted() => tracing::debug!("a silent connection to the store made room for another"),
    }
}
