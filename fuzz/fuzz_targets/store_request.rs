//! What may be sent to an agent that serves its store: an answer that blames the client at worst.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::LazyLock,
    thread,
    time::Duration,
};
use weft_store::{
    EmbeddedStore,
    serve::{ServeConfig, Server},
};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    method: Method,
    path: &'a str,
    body: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Method {
    Get,
    Put,
    Delete,
}

/// Where a store is served, in memory as far as its file is.
static SERVED: LazyLock<SocketAddr> = LazyLock::new(|| {
    let file = format!("/dev/shm/weft-fuzz-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(async {
        let store = EmbeddedStore::open(file.as_ref()).expect("a new store");
        let config = ServeConfig::new(([127, 0, 0, 1], 0).into(), None);
        Server::bind(config, store, None).await.expect("a free port")
    });
    // It is open; nobody needs its name any more.
    std::fs::remove_file(&file).expect("the store's file");
    let address = server.address().expect("a port");
    thread::spawn(move || runtime.block_on(server.run(std::future::pending())));
    address
});

fuzz_target!(|input: Input<'_>| {
    let Input { method, path, body } = input;
    let method = match method {
        Method::Get => "GET",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    };
    // Questions that may wait for something to happen do so for as long as they say.
    if path.contains("wait") || path.contains("index") {
        return;
    }
    let head = format!(
        "{method} /v1/{path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(*SERVED).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
    // It may refuse and hang up before it has read everything.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it hung"),
    }
    let status = answer.get(..10).unwrap_or(b"HTTP/1.1 4");
    assert_ne!(status, b"HTTP/1.1 5", "{}", String::from_utf8_lossy(&answer));
});
