//! Connections: each has a task, so that a slow one holds nobody up, and limits, so that it ends.

use super::{Members, auth::OfMember};
use crate::Asker;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use weft_http::{Listener, Slot, attentive, each_connection};
use weft_trust::Subject;

/// The most connections at a time. An agent holds two or three: enough for a thousand of them.
const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take for the head of a request, and stay silent between two.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);
/// How long a client may take to say its first byte, and to shake hands.
const OPENED_WITHIN: Duration = Duration::from_secs(10);
/// What TLS begins with (RFC 8446, section 5.1), and no request of HTTP.
const HANDSHAKE: u8 = 22;

/// Serves every client that connects. The connections end with this future, also when it is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router, members: Option<Members>) {
    each(listener, |stream, slot| begin(stream, router.clone(), members.clone(), slot)).await;
}

/// The same for programs of this host.
pub(super) async fn accept_local(listener: impl Listener, router: Router) {
    each(listener, |stream, slot| serve(stream, router.clone(), slot)).await;
}

async fn each<L, F>(listener: L, converse: impl Fn(L::Stream, Arc<Slot>) -> F)
where
    L: Listener,
    F: Future<Output = ()> + Send + 'static,
{
    let end = CancellationToken::new();
    let _dropped = end.clone().drop_guard();
    let converse = |stream, slot| {
        let (end, conversation) = (end.clone(), converse(stream, slot));
        async move {
            end.run_until_cancelled_owned(conversation).await;
        }
    };
    each_connection(listener, MAX_CONNECTIONS, Duration::ZERO, &CancellationToken::new(), converse).await;
}

/// Speaks TLS with a client that does, which is told by its first byte.
async fn begin(stream: TcpStream, router: Router, members: Option<Members>, slot: Arc<Slot>) {
    if let Err(error) = weft_http::set_up(&stream) {
        tracing::debug!(%error, "cannot set up a connection to the store");
        return;
    }
    let opened = tokio::select! {
        opened = timeout(OPENED_WITHIN, open(stream, members)) => opened,
        () = slot.wanted() => return,
    };
    match opened {
        Ok(Ok(Opened::Plain(stream))) => serve(stream, router, slot).await,
        Ok(Ok(Opened::Member(stream, member))) => {
            let (barred, subject) = (Arc::clone(&member.barred), Arc::clone(&member.subject));
            tokio::select! {
                () = serve(*stream, router.layer(Extension(member)), slot) => {}
                () = barred.until_barred(&subject.id) => {
                    tracing::warn!(node = %subject.name, "the connection of a host that was revoked ends");
                }
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "a client of the store was not understood"),
        Err(_) => tracing::debug!("a client of the store said nothing"),
    }
}

/// A connection that a request can come on.
enum Opened {
    Plain(TcpStream),
    Member(Box<TlsStream<TcpStream>>, OfMember),
}

async fn open(stream: TcpStream, members: Option<Members>) -> std::io::Result<Opened> {
    let Some(Members { tls, barred, signed }) = members else { return Ok(Opened::Plain(stream)) };
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first != [HANDSHAKE] {
        return Ok(Opened::Plain(stream));
    }
    // It ends without a certificate of the cluster.
    let stream = TlsAcceptor::from(tls()).accept(stream).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let subject = shown.ok_or_else(|| std::io::Error::other("it shows no certificate"))?;
    let subject = Subject::of(subject).map_err(std::io::Error::other)?;
    let asker = signed.map(|own| Asker::new(subject.clone(), own.shared_rules()));
    Ok(Opened::Member(Box::new(stream), OfMember { subject: Arc::new(subject), barred, asker }))
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
