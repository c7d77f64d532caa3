//! Connections: each has a task, so that a slow one holds nobody up, and limits, so that it ends.

use super::{ServerTls, auth::OfMember};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use weft_http::{Slot, attentive, each_connection};

/// The most connections at a time. An agent holds two or three: enough for a thousand of them.
const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take for the head of a request, and stay silent between two.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);
/// How long a client may take to say its first byte, and to shake hands.
const OPENED_WITHIN: Duration = Duration::from_secs(10);
/// What TLS begins with (RFC 8446, section 5.1), and no request of HTTP.
const HANDSHAKE: u8 = 22;
/// How long a client may take to take in what was sent, in milliseconds.
const UNREAD_DEADLINE_MS: u32 = 30_000;

/// Serves every client that connects. The connections end with this future, also when it is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router, tls: Option<ServerTls>) {
    let end = CancellationToken::new();
    let _dropped = end.clone().drop_guard();
    let converse = |stream, slot| {
        let (end, router, tls) = (end.clone(), router.clone(), tls.clone());
        async move {
            end.run_until_cancelled_owned(begin(stream, router, tls, slot)).await;
        }
    };
    each_connection(listener, MAX_CONNECTIONS, Duration::ZERO, &CancellationToken::new(), converse).await;
}

/// Speaks TLS with a client that does, which is told by its first byte.
async fn begin(stream: TcpStream, router: Router, tls: Option<ServerTls>, slot: Arc<Slot>) {
    // A client that stops reading, or is gone without a word, ends by this (tcp(7), TCP_USER_TIMEOUT).
    let limited = sockopt::set_tcp_user_timeout(&stream, UNREAD_DEADLINE_MS);
    if let Err(error) = limited.map_err(std::io::Error::from).and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!(%error, "cannot set up a connection to the store");
        return;
    }
    let opened = tokio::select! {
        opened = timeout(OPENED_WITHIN, open(stream, tls)) => opened,
        () = slot.wanted() => return,
    };
    match opened {
        Ok(Ok(Opened::Plain(stream))) => serve(stream, router, slot).await,
        Ok(Ok(Opened::Member(stream))) => serve(*stream, router.layer(Extension(OfMember)), slot).await,
        Ok(Err(error)) => tracing::debug!(%error, "a client of the store was not understood"),
        Err(_) => tracing::debug!("a client of the store said nothing"),
    }
}

/// A connection that a request can come on.
enum Opened {
    Plain(TcpStream),
    Member(Box<TlsStream<TcpStream>>),
}

async fn open(stream: TcpStream, tls: Option<ServerTls>) -> std::io::Result<Opened> {
    let Some(tls) = tls else { return Ok(Opened::Plain(stream)) };
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first != [HANDSHAKE] {
        return Ok(Opened::Plain(stream));
    }
    // It ends without a certificate of the cluster.
    TlsAcceptor::from(tls()).accept(stream).await.map(|stream| Opened::Member(Box::new(stream)))
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    slot: Arc<Slot>,
) {
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
