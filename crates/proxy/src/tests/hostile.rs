//! Requests that no client of good will sends, and an engine that is not itself.

use super::{
    Stand,
    wire::{Wire, header},
};

/// What the client gets for bytes that are no request: an answer of ours, and the end.
async fn refused(stand: &Stand, bytes: &str) -> String {
    let mut client = stand.client().await;
    // It need not be heard to its end.
    client.flood(bytes.as_bytes(), bytes.len()).await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(status.starts_with('4'), "{bytes:?} gets {answer:?}");
    status
}

#[tokio::test]
async fn what_is_no_request_never_reaches_the_engine() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    for bytes in [
        "\x16\x03\x01 no http at all\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : d\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: d\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n",
        &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)),
        &format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000)),
    ] {
        refused(&stand, bytes).await;
    }
    assert!(super::wire::not_yet(engine.accept()).await);
}

#[tokio::test]
async fn another_protocol_is_not_begun_unasked() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut client = stand.client_saying("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.rest().await;
    let mut client = stand.client_saying("CONNECT docker:80 HTTP/1.1\r\nHost: docker:80\r\n\r\n").await;
    let (head, _) = client.answer().await;
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
    assert!(super::wire::not_yet(engine.accept()).await);
}

/// Of two lengths one is believed, here and there the same (RFC 9112 §6.3).
#[tokio::test]
async fn there_is_one_length() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    for lengths in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\nConnection: transfer-encoding\r\n",
        "Transfer-Encoding: chunked\r\nConnection: content-length, close\r\nContent-Length: 3\r\n",
    ] {
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: d\r\n\r\n";
        let chunk = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
        let request = format!("POST /events HTTP/1.1\r\nHost: d\r\n{lengths}\r\n{chunk}");
        let _client = stand.client_saying(&request).await;
        let (mut wire, head) = engine.asked().await;
        assert_eq!(header(&head, "content-length"), None, "{head}");
        assert_eq!(header(&head, "transfer-encoding"), Some("chunked"), "{head}");
        assert_eq!(wire.until("0\r\n\r\n").await, chunk);
        assert!(wire.is_silent().await);
    }
    let request =
        "POST / HTTP/1.1\r\nHost: d\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabcGET";
    let _client = stand.client_saying(request).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!(header(&head, "content-length"), Some("3"), "{head}");
    assert_eq!(wire.next(3).await, b"abc");
    assert!(wire.is_silent().await);
}

#[tokio::test]
async fn a_get_with_a_body_keeps_it() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let request =
        "GET /events HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let _client = stand.client_saying(request).await;
    let (mut wire, _) = engine.asked().await;
    assert_eq!(wire.until("0\r\n\r\n").await, "3\r\nabc\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_uri_is_written_in_one_way() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    for (uri, expected, host) in [
        ("http://elsewhere:1/containers/json?all=1", "/containers/json?all=1", "elsewhere:1"),
        ("http://elsewhere", "/", "elsewhere"),
        ("/containers/json#fragment", "/containers/json", "d"),
        ("//containers//json", "//containers//json", "d"),
        ("/containers%2fjson?a=%20", "/containers%2fjson?a=%20", "d"),
    ] {
        let request = format!("GET {uri} HTTP/1.1\r\nHost: d\r\n\r\n");
        let _client = stand.client_saying(&request).await;
        let (_wire, head) = engine.asked().await;
        assert!(head.starts_with(&format!("GET {expected} HTTP/1.1\r\n")), "{head}");
        assert_eq!(header(&head, "host"), Some(host));
    }
}

#[tokio::test]
async fn what_is_said_from_hop_to_hop_stays_there() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let request = "GET / HTTP/1.1\r\nHost: d\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
                   Proxy-Connection: close\r\nX-Theirs: 2\r\n\r\n";
    let mut client = stand.client_saying(request).await;
    let (mut wire, head) = engine.asked().await;
    assert_eq!(head, "GET / HTTP/1.1\r\nHost: d\r\nX-Theirs: 2\r\n\r\n");
    wire.say("HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nContent-Length: 2\r\n\r\nok").await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(header(&answer, "x-mine"), None, "{answer}");
}

/// What is left of a request is not input of a container.
#[tokio::test]
async fn nothing_is_spliced_before_all_is_asked() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    for upgrade in ["", "Connection: Upgrade\r\nUpgrade: tcp\r\n"] {
        let request =
            format!("POST /exec/e/start HTTP/1.1\r\nHost: d\r\n{upgrade}Content-Length: 10\r\n\r\n12345");
        let mut client = stand.client_saying(request).await;
        let (mut wire, _) = engine.asked().await;
        wire.next(5).await;
        wire.say("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
        let _ = client.flood(b"67890", 5).await;
        assert_eq!(wire.rest().await, b"");
    }
}

#[tokio::test]
async fn an_engine_switches_to_nothing_unasked() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let mut client = stand.client_saying("GET /info HTTP/1.1\r\nHost: d\r\n\r\n").await;
    let (mut wire, _) = engine.asked().await;
    wire.say("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nstream").await;
    let (head, body) = client.answer().await;
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
    assert!(body.contains("switched to another protocol"), "{body}");
}

/// Several requests at once are several requests, each with its own answer.
#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let stand = Stand::up().await;
    let engine = stand.engine();
    let ask = |n| format!("GET /{n} HTTP/1.1\r\nHost: d\r\n\r\n");
    let mut client: Wire = stand.client_saying(ask(1) + &ask(2) + &ask(3)).await;
    for n in 1..=3 {
        let (mut wire, head) = engine.asked().await;
        assert!(head.starts_with(&format!("GET /{n} ")), "{head}");
        wire.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}")).await;
        assert_eq!(client.answer().await.1, n.to_string());
    }
}
