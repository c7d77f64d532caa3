//! What fuzz targets share: a host of a cluster, and an HTTP server that says what the fuzzer makes up.

mod member;

pub use member::{host1, subject};
use std::{cell::RefCell, net::SocketAddr, rc::Rc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::{LocalSet, spawn_local},
};

/// An answer to everything.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What Consul says beside it, `X-Consul-Index`.
    pub index: u64,
    /// The content.
    pub body: Vec<u8>,
}

/// A server on loopback, in the thread that uses it.
pub struct Server {
    runtime: Runtime,
    tasks: LocalSet,
    answer: Rc<RefCell<Answer>>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts one.
    pub fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tasks = LocalSet::new();
        let answer = Rc::new(RefCell::new(Answer::default()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let said = Rc::clone(&answer);
        tasks.spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn_local(serve(stream, Rc::clone(&said)));
            }
        });
        Self { runtime, tasks, answer, address }
    }

    /// Runs `client` while the server answers everything with `answer`.
    pub fn run<T>(&self, answer: Answer, client: impl Future<Output = T>) -> T {
        self.answer.replace(answer);
        self.tasks.block_on(&self.runtime, client)
    }
}

async fn serve(mut stream: TcpStream, answer: Rc<RefCell<Answer>>) {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
        // Questions come one after the other; each ends with its head or with its content.
        let Some(end) = end_of_request(&request) else { continue };
        request.drain(..end);
        let Answer { status, index, body } = answer.borrow().clone();
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\nX-Consul-Index: {index}\r\nContent-Length: {length}\r\n\r\n");
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

fn end_of_request(request: &[u8]) -> Option<usize> {
    let head = request.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let end = head + length.unwrap_or(0);
    (request.len() >= end).then_some(end)
}
