//! Answering over TCP.

use super::{Server, frame};
use crate::resolve::{QueryOutcome, Transport};
use frame::Frames;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

/// Connections of one container at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may be without a complete message, and a client without reading its answer (RFC
/// 7766 section 6.2.3 asks for seconds).
const IDLE: Duration = Duration::from_secs(10);
/// The pause after an error that may last, such as a lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is aborted, and with it the connections.
pub(super) async fn serve(listener: TcpListener, server: Arc<Server>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut stuck = false;
    // The semaphore is never closed.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, peer)) => {
                stuck = false;
                let server = Arc::clone(&server);
                connections.spawn(async move {
                    let _slot = slot;
                    if let Err(error) = converse(stream, &server).await {
                        tracing::debug!(%peer, %error, "a DNS connection broke");
                    }
                });
            }
            Err(error) => {
                // Once: there is a server for each container, and none of them has a descriptor then.
                if !std::mem::replace(&mut stuck, true) {
                    tracing::warn!(%error, "cannot accept DNS connections");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers what comes over a connection, out of order where another name server is slower (RFC 7766 section
/// 7), until the client has had its answers or is idle for too long.
async fn converse(stream: TcpStream, server: &Server) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut frames = Frames::new(reader);
    let mut forwarded = JoinSet::new();
    let mut answer = Vec::new();
    let mut idle_at = Instant::now() + IDLE;
    let mut open = true;
    let mut turn = 0;
    while open || !forwarded.is_empty() {
        // Both branches can be cancelled: `next` keeps what it has read, `join_next` loses no task.
        tokio::select! {
            frame = timeout_at(idle_at, frames.next()), if open => {
                let Some(message) = frame.unwrap_or(Ok(None))? else {
                    open = false;
                    continue;
                };
                idle_at = Instant::now() + IDLE;
                turn += 1;
                match server.respond(message, Transport::Tcp, turn, &mut answer) {
                    // A client that sends anything but queries is no resolver.
                    QueryOutcome::Silent => open = false,
                    QueryOutcome::Answered => send(&mut writer, &answer).await?,
                    QueryOutcome::Forward(request) => match server.forward(request) {
                        Ok(asking) => drop(forwarded.spawn(asking)),
                        Err(answer) => send(&mut writer, &answer).await?,
                    },
                }
            }
            Some(joined) = forwarded.join_next() => {
                send(&mut writer, &joined.map_err(io::Error::other)?).await?;
            }
        }
    }
    Ok(())
}

async fn send(writer: &mut OwnedWriteHalf, message: &[u8]) -> io::Result<()> {
    timeout(IDLE, frame::write(writer, message)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
