//! Consul without weft: what a change costs at the least, and what it takes to be seen.

use crate::cluster::Cluster;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use weft_testbed::{Host, request};

const KEY: &str = "/v1/kv/reference";
const DEADLINE: Duration = Duration::from_secs(20);

/// A connection to Consul from a host, for one request.
pub(crate) fn connect(cluster: &Cluster, from: &Host) -> TcpStream {
    let address = cluster.store_address();
    let stream = from.inside(None, || TcpStream::connect(address)).expect("Consul listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket takes a timeout");
    stream
}

/// How long one key takes to be written, and until another host's query, held back until then, is answered;
/// both in milliseconds.
pub(crate) fn put_and_see(cluster: &Cluster, round: usize) -> (f64, f64) {
    let [here, there] = [1, 2].map(|number| connect(cluster, cluster.host(number)));
    let index = modify_index(cluster);
    let (asked, is_asked) = mpsc::channel();
    let seeing = thread::spawn(move || {
        let asking = Telling { stream: there, asked };
        let path = format!("{KEY}?index={index}&wait=10s");
        request(asking, "GET", &path, None).expect("Consul answers");
        Instant::now()
    });
    is_asked.recv().expect("the question was sent");
    let start = Instant::now();
    request(here, "PUT", KEY, Some(&json!({"round": round}))).expect("Consul answers").json();
    let written = milliseconds(start.elapsed());
    let seen = seeing.join().expect("the question is answered");
    (written, written.max(milliseconds(seen - start)))
}

fn modify_index(cluster: &Cluster) -> u64 {
    let host = cluster.host(1);
    request(connect(cluster, host), "PUT", KEY, Some(&json!({}))).expect("Consul answers");
    let entries: Value = request(connect(cluster, host), "GET", KEY, None).expect("Consul answers").json();
    entries[0]["ModifyIndex"].as_u64().expect("a key has an index")
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A connection that tells when the question was written to it.
struct Telling {
    stream: TcpStream,
    asked: mpsc::Sender<()>,
}

impl Write for Telling {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.stream.write(bytes);
        let _ = self.asked.send(());
        written
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

impl Read for Telling {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}
