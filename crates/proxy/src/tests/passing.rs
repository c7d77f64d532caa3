//! What goes through as it is, while it goes.

use super::{
    Stand,
    wire::{Wire, header, not_yet},
};
use std::collections::BTreeSet;

const EVENTS: &str = "GET /v1.50/events?since=1 HTTP/1.1\r\nHost: docker\r\n\r\n";
const UPLOAD: &str = "POST /v1.50/images/load HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn lines(head: &str) -> BTreeSet<&str> {
    head.lines().collect()
}

#[tokio::test]
async fn a_request_and_its_answer_are_as_they_were() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let request = "POST /v1.50/containers/create?name=a%2Fb HTTP/1.1\r\nHost: api.moby.localhost\r\nX-Registry-AUTH: e30=\r\n\
                   User-Agent: Docker-Client/28.5\r\nContent-Length: 6\r\n\r\n";
    let mut client = stand.client_saying(format!("{request}{{\"a\"}}")).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!(lines(&head), lines(request));
    assert_eq!(wire.next(5).await, b"{\"a\"}");
    let answer = "HTTP/1.1 409 Not So Fast\r\nApi-Version: 1.50\r\nDOCKER-Experimental: false\r\n\
                  Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n";
    client.say("x").await;
    wire.next(1).await;
    wire.say(format!("{answer}no")).await;
    let (head, body) = client.answer().await;
    assert_eq!(lines(&head), lines(answer));
    assert_eq!(body, "no");
    // And the next one on the same connection.
    client.say("HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n").await;
    let (mut wire, _) = engine.asked().await;
    let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.50\r\nContent-Length: 2\r\n\r\n";
    wire.say(answer).await;
    assert_eq!(lines(&client.head().await), lines(answer));
    assert!(client.is_silent().await);
}

#[tokio::test]
async fn both_directions_flow_at_once() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut client = stand.client_saying(UPLOAD).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!(header(&head, "transfer-encoding"), Some("chunked"));
    wire.say(CHUNKED).await;
    client.head().await;
    for word in ["one", "two", "six"] {
        client.say(format!("3\r\n{word}\r\n")).await;
        assert_eq!(wire.until("\r\n").await, "3\r\n");
        assert_eq!(wire.until("\r\n").await, format!("{word}\r\n"));
        wire.say(format!("3\r\n{word}\r\n")).await;
        client.until("\r\n").await;
        assert_eq!(client.until("\r\n").await, format!("{word}\r\n"));
    }
    client.say("0\r\n\r\n").await;
    assert_eq!(wire.until("\r\n\r\n").await, "0\r\n\r\n");
    wire.say("0\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_body_is_asked_for_when_the_engine_asks() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let request = "POST /build HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let mut client = stand.client_saying(request).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!(header(&head, "expect"), Some("100-continue"));
    assert!(client.is_silent().await);
    wire.say("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    client.say("body").await;
    assert_eq!(wire.next(4).await, b"body");
    wire.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    // One that the engine refuses at once is not asked for.
    let mut client = stand.client_saying(request).await;
    let (mut wire, _) = engine.asked().await;
    wire.say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
}

/// Nothing is kept that the other side does not take.
#[tokio::test]
async fn who_is_slow_slows_the_other() {
    const MUCH: usize = 64 << 20;
    const LITTLE: usize = 4 << 20;
    let stand = Stand::up().await;
    let engine = stand.engine();
    let block = vec![b'x'; 64 << 10];
    let chunk = [b"10000\r\n", &block[..], b"\r\n"].concat();
    let mut client = stand.client_saying(UPLOAD).await;
    let (wire, _) = engine.asked().await;
    let taken = client.flood(&chunk, MUCH).await;
    assert!(taken < LITTLE, "an upload that the engine does not read: {taken} bytes");
    drop((wire, client));
    let client = stand.client_saying("GET /export HTTP/1.1\r\nHost: d\r\n\r\n").await;
    let (mut wire, _) = engine.asked().await;
    wire.say(CHUNKED).await;
    let taken = wire.flood(&chunk, MUCH).await;
    assert!(taken < LITTLE, "a download that the client does not read: {taken} bytes");
    drop(client);
}

#[tokio::test]
async fn a_client_that_goes_is_known_to_the_engine_at_once() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    // While the engine thinks, and while it streams but has nothing to say.
    let client = stand.client_saying(EVENTS).await;
    let (mut wire, _) = engine.asked().await;
    drop(client);
    assert_eq!(wire.rest().await, b"");
    let mut client = stand.client_saying(EVENTS).await;
    let (mut wire, _) = engine.asked().await;
    wire.say(CHUNKED).await;
    client.head().await;
    drop(client);
    assert_eq!(wire.rest().await, b"");
    // In the middle of an upload.
    let mut client = stand.client_saying(UPLOAD).await;
    let (mut wire, _) = engine.asked().await;
    client.say("3\r\nabc\r\n").await;
    wire.until("abc\r\n").await;
    drop(client);
    assert_eq!(wire.rest().await, b"", "what was cut off is not ended properly");
}

#[tokio::test]
async fn a_client_that_says_no_more_still_gets_its_answer() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut client = stand.client_saying(EVENTS).await;
    client.end().await;
    let (mut wire, _) = engine.asked().await;
    assert!(wire.is_silent().await);
    wire.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlater").await;
    assert_eq!(client.answer().await.1, "later");
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_so_for_the_client() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut client = stand.client_saying(EVENTS).await;
    let (mut wire, _) = engine.asked().await;
    wire.say(format!("{CHUNKED}3\r\nabc\r\n")).await;
    client.until("abc\r\n").await;
    drop(wire);
    assert_eq!(client.rest().await, b"", "no last chunk");
}

#[tokio::test]
async fn old_clients_speak_the_old_way() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut client = stand.client_saying("GET /version HTTP/1.0\r\n\r\n").await;
    let (mut wire, head) = engine.asked().await;
    assert!(head.starts_with("GET /version HTTP/1.1\r\n"), "{head}");
    assert!(header(&head, "host").is_some());
    wire.say(format!("{CHUNKED}3\r\nabc\r\n0\r\n\r\n")).await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nabc"), "{answer}");
}

#[tokio::test]
async fn an_engine_that_is_away_is_said_to_be() {
    let stand = Stand::up().await;
    let ask = async || stand.client_saying("GET /containers/json HTTP/1.1\r\nHost: d\r\n\r\n").await;
    let refused = async |mut client: Wire| {
        let (head, body) = client.answer().await;
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["message"].as_str().unwrap().to_owned()
    };
    let message = refused(ask().await).await;
    assert!(message.contains("engine.sock; is it running?: No such file"), "{message}");
    drop(stand.engine());
    assert!(refused(ask().await).await.contains("Connection refused"));
    std::fs::remove_file(stand.engine_path()).unwrap();
    let engine = stand.engine();
    let client = ask().await;
    drop(engine.asked().await);
    assert!(refused(client).await.contains("did not answer"));
    let client = ask().await;
    let (mut wire, _) = engine.asked().await;
    wire.say("nonsense\r\n\r\n").await;
    assert!(refused(client).await.contains("did not answer"));
}

#[tokio::test]
async fn many_stream_at_once_and_one_that_is_stuck_holds_up_nobody() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut pairs = Vec::new();
    for _ in 0..300 {
        let mut client = stand.client_saying(EVENTS).await;
        let (mut wire, _) = engine.asked().await;
        wire.say(CHUNKED).await;
        client.head().await;
        pairs.push((client, wire));
    }
    let mut other = stand.client().await;
    assert!(not_yet(other.head()).await);
    for (number, (client, wire)) in pairs.iter_mut().enumerate().rev() {
        wire.say(format!("4\r\n{number:04}\r\n")).await;
        client.until(&format!("{number:04}\r\n")).await;
    }
}
