//! Connections that the engine takes over.

use super::{
    Engine, Stand,
    wire::{Wire, header},
};

const SWITCHED: &str = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
                        Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

/// The two ends of a connection that was handed over.
async fn attached(stand: &Stand, engine: &Engine) -> (Wire, Wire) {
    let request = "POST /v1.50/containers/c/attach?stdin=1&stream=1 HTTP/1.1\r\nHost: d\r\n\
                   Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n";
    let mut client = stand.client_saying(request).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!((header(&head, "connection"), header(&head, "upgrade")), (Some("Upgrade"), Some("tcp")));
    wire.say(SWITCHED).await;
    assert_eq!(client.head().await, SWITCHED);
    (client, wire)
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (mut client, mut wire) = attached(&stand, &engine).await;
    for round in 0..3 {
        client.say(format!("GET /{round} HTTP/1.1\r\n\r\n")).await;
        assert_eq!(wire.head().await, format!("GET /{round} HTTP/1.1\r\n\r\n"));
        wire.say(b"\x01\0\0\0\0\0\0\x03abc").await;
        assert_eq!(client.next(11).await, b"\x01\0\0\0\0\0\0\x03abc");
    }
    let big: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let ((), back) = tokio::join!(client.say(&big), wire.next(big.len()));
    assert_eq!(back, big);
}

#[tokio::test]
async fn what_follows_at_once_is_not_lost() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let request = "POST /exec/e/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
                   Content-Length: 2\r\n\r\n{}early";
    let mut client = stand.client_saying(request).await;
    let (mut wire, _) = engine.asked().await;
    assert_eq!(wire.next(2).await, b"{}");
    wire.say(format!("{SWITCHED}late")).await;
    assert_eq!(client.head().await, SWITCHED);
    assert_eq!(client.next(4).await, b"late");
    assert_eq!(wire.next(5).await, b"early");
}

#[tokio::test]
async fn who_did_not_ask_for_an_upgrade_gets_none_and_the_connection() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let request = "POST /exec/e/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}";
    let mut client = stand.client_saying(request).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!((header(&head, "connection"), header(&head, "upgrade")), (Some("Upgrade"), Some("tcp")));
    wire.next(2).await;
    wire.say(SWITCHED.replace("\r\n\r\n", "\r\nApi-Version: 1.50\r\n\r\nhello")).await;
    let raw =
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nApi-Version: 1.50\r\n\r\n";
    assert_eq!(client.head().await, raw);
    assert_eq!(client.next(5).await, b"hello");
    client.say("input").await;
    assert_eq!(wire.next(5).await, b"input");
    drop(wire);
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    for upgrade in ["", "Connection: Upgrade\r\nUpgrade: h2c\r\n"] {
        let request = format!("POST /containers/c/attach HTTP/1.1\r\nHost: d\r\n{upgrade}\r\n");
        let mut client = stand.client().await;
        for _ in 0..2 {
            client.say(&request).await;
            let (mut wire, _) = engine.asked().await;
            wire.say("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone").await;
            let (head, body) = client.answer().await;
            assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
            assert_eq!(body, "none");
        }
    }
}

#[tokio::test]
async fn a_client_that_says_no_more_still_hears() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (mut client, mut wire) = attached(&stand, &engine).await;
    client.say("all").await;
    client.end().await;
    assert_eq!(wire.rest().await, b"all");
    assert!(client.is_silent().await, "the other half stays open");
    wire.say("output").await;
    drop(wire);
    assert_eq!(client.rest().await, b"output");
}

#[tokio::test]
async fn an_engine_that_says_no_more_still_hears() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (mut client, mut wire) = attached(&stand, &engine).await;
    wire.say("all").await;
    wire.end().await;
    assert_eq!(client.rest().await, b"all");
    client.say("input").await;
    assert_eq!(wire.next(5).await, b"input");
    drop(client);
    assert_eq!(wire.rest().await, b"");
}

/// The engine can tell one that has gone from one that is done: nothing else would tell it, where the container
/// says nothing.
#[tokio::test]
async fn one_that_has_gone_is_not_taken_for_one_that_is_done() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (mut client, wire) = attached(&stand, &engine).await;
    client.say("last words").await;
    drop(client);
    let (mut wire, hang_up) = wire.watched();
    assert_eq!(wire.rest().await, b"last words");
    super::soon(hang_up.wait()).await;
    // Also after it had said that it is done.
    let (mut client, wire) = attached(&stand, &engine).await;
    client.end().await;
    let (mut wire, hang_up) = wire.watched();
    assert_eq!(wire.rest().await, b"");
    assert!(super::wire::not_yet(hang_up.wait()).await);
    drop(client);
    super::soon(hang_up.wait()).await;
}

#[tokio::test]
async fn one_that_has_gone_is_not_waited_for_by_what_it_said() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (mut client, wire) = attached(&stand, &engine).await;
    client.flood(&[b'x'; 4096], 64 << 20).await;
    drop(client);
    // The engine reads none of it, and says nothing.
    let (_wire, hang_up) = wire.watched();
    super::soon(hang_up.wait()).await;
}

#[tokio::test]
async fn output_arrives_after_the_input_is_refused() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (mut client, mut wire) = attached(&stand, &engine).await;
    wire.hears_no_more();
    let block = [b'x'; 4096];
    let taken = client.flood(&block, 64 << 20).await;
    assert!(taken < 4 << 20, "{taken} bytes that nobody reads");
    wire.say("three lines were enough").await;
    drop(wire);
    assert_eq!(client.rest().await, b"three lines were enough");
}

#[tokio::test]
async fn a_slow_reader_slows_the_writer() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let (client, mut wire) = attached(&stand, &engine).await;
    let taken = wire.flood(&[b'x'; 65536], 64 << 20).await;
    assert!(taken < 2 << 20, "{taken} bytes that nobody reads");
    drop(client);
}
