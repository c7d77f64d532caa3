//! An engine that is broken, or is no engine: every answer leads to an error, in time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use futures::StreamExt;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    time::{Instant, sleep},
};
use weft_docker::engine::{Engine, EngineError, EngineEvent};

const VERSION: &str = r#"{"Version":"28.5.2","ApiVersion":"1.51","MinAPIVersion":"1.24"}"#;

/// What the fake does with every request but the one for its version.
#[derive(Clone)]
enum Does {
    /// Says this, and hangs up.
    Says(Arc<[u8]>),
    /// Says this, and then nothing any more.
    Hangs(Arc<[u8]>),
    /// Begins an answer, and says this for ever.
    Repeats(u8),
    /// Says this, and then one byte each second.
    Drips(Arc<[u8]>),
}

struct Fake {
    directory: TempDir,
}

impl Fake {
    async fn engine(does: Does) -> (Self, Engine) {
        let fake = Self { directory: tempfile::tempdir().unwrap() };
        let listener = UnixListener::bind(fake.socket()).unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, does.clone()));
            }
        });
        let engine = Engine::connect(fake.socket()).await.unwrap();
        (fake, engine)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }
}

async fn answer(mut stream: UnixStream, does: Does) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let read = stream.read(&mut request).await?;
    if request[..read].starts_with(b"GET /version ") {
        return stream.write_all(&ok(VERSION)).await;
    }
    match does {
        Does::Says(what) => stream.write_all(&what).await,
        Does::Hangs(what) => {
            stream.write_all(&what).await?;
            sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
        Does::Repeats(byte) => {
            stream.write_all(&endless("")).await?;
            loop {
                stream.write_all(&[byte; 1 << 16]).await?;
            }
        }
        Does::Drips(what) => {
            stream.write_all(&what).await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn ok(body: &str) -> Arc<[u8]> {
    answer_of("200 OK", body)
}

fn answer_of(status: &str, body: &str) -> Arc<[u8]> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes().into()
}

fn endless(body: &str) -> Arc<[u8]> {
    format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes().into()
}

async fn containers(does: Does) -> EngineError {
    let (_fake, engine) = Fake::engine(does).await;
    engine.containers().await.unwrap_err()
}

#[tokio::test]
async fn an_answer_that_ends_early() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".as_slice();
    let error = containers(Does::Says(cut.into())).await;
    assert!(matches!(error, EngineError::Lost { .. }), "{error}");
    let error = containers(Does::Says(Arc::default())).await;
    assert!(matches!(error, EngineError::Lost { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense() {
    let error = containers(Does::Says(b"SSH-2.0-OpenSSH_9.2\r\n".as_slice().into())).await;
    assert!(matches!(error, EngineError::Lost { .. }), "{error}");
    for body in ["", "[", "{}", "[7]", r#"[{"Id":"short"}]"#, r#"[{"Id":7}]"#, &"[".repeat(100_000)] {
        let error = containers(Does::Says(ok(body))).await;
        assert!(matches!(error, EngineError::Nonsense { .. }), "{body:.20}: {error}");
    }
}

#[tokio::test]
async fn a_refusal() {
    let body = r#"{"message":"server is shutting down"}"#;
    let error = containers(Does::Says(answer_of("503 Service Unavailable", body))).await;
    let expected = "the engine refused GET /v1.51/containers/json: server is shutting down";
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_not_found());
    let error = containers(Does::Says(answer_of("404 Not Found", "<html>"))).await;
    assert!(error.is_not_found());
    assert!(error.to_string().ends_with("status 404 Not Found"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end() {
    let error = containers(Does::Repeats(b' ')).await;
    assert!(matches!(error, EngineError::TooLarge { .. }), "{error}");
}

// The clock jumps to the next deadline when there is nothing to do but wait.
#[tokio::test(start_paused = true)]
async fn no_answer_in_time() {
    let silence = Does::Hangs(Arc::default());
    let half = Does::Hangs(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".as_slice().into());
    let drips = Does::Drips(endless("["));
    for does in [silence, half, drips] {
        let (_fake, engine) = Fake::engine(does).await;
        let began = Instant::now();
        let error = engine.networks().await.unwrap_err();
        assert!(matches!(error, EngineError::Late { .. }), "{error}");
        assert!(error.to_string().contains("did not answer GET /v1.51/networks within 10 s"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn nobody_there() {
    let directory = tempfile::tempdir().unwrap();
    let error = Engine::connect(directory.path().join("docker.sock")).await.unwrap_err();
    assert!(matches!(error, EngineError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn events_until_it_breaks() {
    let event = r#"{"Type":"network","Action":"create","Actor":{"ID":"#.to_owned()
        + &format!(r#""{}","Attributes":{{"name":"n","type":"weft"}}}}}}"#, "a".repeat(64));
    let lines = format!("{event}\n\n{{}}\nnonsense\n{event}\n");
    let (_fake, engine) = Fake::engine(Does::Hangs(endless(&lines))).await;
    let mut events = engine.events().await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(EngineEvent::Network(_)))));
    assert!(matches!(events.next().await, Some(Ok(EngineEvent::Other))));
    assert!(matches!(events.next().await, Some(Err(EngineError::Nonsense { .. }))));
    assert!(events.next().await.is_none(), "it is over");
}

#[tokio::test]
async fn events_that_end() {
    let (_fake, engine) = Fake::engine(Does::Says(endless("{}\n{"))).await;
    let mut events = engine.events().await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(EngineEvent::Other))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn an_event_without_end() {
    let (_fake, engine) = Fake::engine(Does::Repeats(b'x')).await;
    let mut events = engine.events().await.unwrap();
    assert!(matches!(events.next().await, Some(Err(EngineError::TooLarge { .. }))));
}
