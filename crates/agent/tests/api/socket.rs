//! The server, over a real socket.

use crate::http::router;
use std::{path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use weft_verbs::fake::FakeVerbs;

/// Starts a server that ends with `shutdown`.
pub(crate) fn start(path: &Path, shutdown: &CancellationToken) -> JoinHandle<()> {
    let listener = weft_agent::api::bind(path, &weft_agent::Inherited::default()).unwrap();
    tokio::spawn(weft_agent::api::serve(listener, router(&FakeVerbs::new()), shutdown.clone()))
}

async fn send(path: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn it_answers_until_it_is_told_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weft.sock");
    let shutdown = CancellationToken::new();
    let server = start(&path, &shutdown);
    let answer = send(&path, b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let answer = send(&path, b"\x16\x03\x01 no http at all\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    // One that says nothing holds up neither the others nor the end.
    let _silent = UnixStream::connect(&path).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    assert!(UnixStream::connect(&path).await.is_err());
}
