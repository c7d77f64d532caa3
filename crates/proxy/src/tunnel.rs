//! A connection that is no longer HTTP: bytes both ways, each way to its own end.

use super::hang_up::HangUp;
use axum::body::Bytes;
use rustix::net::Shutdown;
use std::{
    io::{self, ErrorKind},
    time::Duration,
};
use tokio::{net::UnixStream, task::coop::consume_budget};

/// How much is read at once, in bytes: as Go's `io.Copy`, which is on both sides of us.
const CHUNK: usize = 32 << 10;

/// How long the engine may take to read what a client said before it went.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// One end of a tunnel.
pub(super) struct End {
    /// The connection.
    pub(super) stream: UnixStream,
    /// What was read from it before the tunnel began.
    pub(super) said: Bytes,
}

/// Joins two ends until both directions have ended, or one side has gone that has said all. `client_gone` tells
/// that the client has.
///
/// Each direction ends by itself: a client that has sent all its input still waits for the output, and output
/// may still come from an engine that reads no more. But a side that has gone must be noticed when it goes, and
/// not at the next byte for it, which may never come.
pub(super) async fn join(client: End, client_gone: &HangUp, engine: End) {
    let mut up = std::pin::pin!(copy(client.said, &client.stream, &engine.stream));
    let mut down = std::pin::pin!(copy(engine.said, &engine.stream, &client.stream));
    let all_is_said = async {
        tokio::select! {
            () = &mut up => tokio::select! {
                () = &mut down => {}
                () = client_gone.wait() => {}
            },
            () = &mut down => {
                let engine_gone = HangUp::of(&engine.stream);
                tokio::select! {
                    () = &mut up => {}
                    () = engine_gone.wait() => {}
                }
            }
        }
    };
    let nobody_listens = async {
        client_gone.wait().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = all_is_said => {}
        () = nobody_listens => {}
    }
}

/// Copies until one side ends or breaks, and tells both that nothing more is carried this way.
async fn copy(said: Bytes, from: &UnixStream, to: &UnixStream) {
    if let Err(error) = copy_all(&said, from, to).await {
        tracing::debug!(%error, "one direction of a hijacked connection broke");
    }
    // An end that has gone cannot be told.
    let _ = rustix::net::shutdown(to, Shutdown::Write);
    let _ = rustix::net::shutdown(from, Shutdown::Read);
}

async fn copy_all(said: &[u8], from: &UnixStream, to: &UnixStream) -> io::Result<()> {
    write_all(to, said).await?;
    let mut chunk = vec![0; CHUNK];
    loop {
        from.readable().await?;
        match from.try_read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => write_all(to, &chunk[..read]).await?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // Two fast ends must not keep the others of this thread waiting.
        consume_budget().await;
    }
}

async fn write_all(to: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
