//! Asking `weft web`, as a browser would and as others might.

use crate::cluster::SOON;
use serde_json::Value;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use weft_testbed::{Host, Service};

const ADDRESS: &str = "127.0.0.1:4780";
/// How long a piece of a stream is waited for before it is asked whether there is time left.
const PIECE: Duration = Duration::from_millis(50);

/// A `weft web` that runs on a host.
pub(crate) struct Web {
    host: Host,
    _service: Service,
}

impl Web {
    #[track_caller]
    pub(crate) fn start(host: &Host) -> Self {
        let service = host.spawn(&["weft", "web"]);
        service.logs("http://127.0.0.1:4780/", SOON);
        service.logs("ssh -L 4780:127.0.0.1:4780", SOON);
        Self { host: host.clone(), _service: service }
    }

    /// The whole answer, with its head.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, name: &str, headers: &str) -> String {
        let mut stream = connect(&self.host, SOON);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {name}\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, ADDRESS, "");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        serde_json::from_str(body).expect("JSON")
    }

    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        self.json("/api/state")
    }
}

/// The stream to a page.
pub(crate) struct Followed {
    stream: TcpStream,
    heard: String,
}

impl Followed {
    #[track_caller]
    pub(crate) fn start(host: &Host) -> Self {
        let mut stream = connect(host, PIECE);
        let request = format!("GET /api/stream HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        Self { stream, heard: String::new() }
    }

    /// Waits until it tells `what`, and forgets what it told until then.
    #[track_caller]
    pub(crate) fn hears(&mut self, what: &str, within: Duration) {
        let until = Instant::now() + within;
        let mut piece = [0; 64 * 1024];
        loop {
            if let Some(at) = self.heard.find(what) {
                self.heard.drain(..at + what.len());
                return;
            }
            assert!(Instant::now() < until, "it did not tell {what}; it told:\n{}", self.heard);
            match self.stream.read(&mut piece) {
                Ok(0) => self.heard += "(it ended)",
                Ok(length) => self.heard += &String::from_utf8_lossy(&piece[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => self.heard += &error.to_string(),
            }
        }
    }
}

#[track_caller]
fn connect(host: &Host, patience: Duration) -> TcpStream {
    let stream = host.inside(None, || TcpStream::connect(ADDRESS).expect("weft web listens"));
    stream.set_read_timeout(Some(patience)).expect("a socket has a timeout");
    stream
}
