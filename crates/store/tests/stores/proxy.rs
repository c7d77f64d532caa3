//! What may stand between a client and its store: a balancer that cuts what is idle, a slow line.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// How it is passed on.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// After so long without a byte, connections are cut.
    pub idle: Duration,
    /// How many bytes come from the server in a tenth of a second.
    pub tenth: usize,
}

impl Line {
    pub const FAST: Self = Self { idle: Duration::from_secs(600), tenth: 64 << 20 };
}

/// A proxy in front of a server.
pub struct Proxy {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    deaf: Arc<AtomicBool>,
}

impl Proxy {
    pub async fn new(port: u16, line: Line) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, deaf) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (heard, refuses) = (Arc::clone(&asked), Arc::clone(&deaf));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (heard, refuses) = (Arc::clone(&heard), Arc::clone(&refuses));
                tokio::spawn(async move { pass(client, port, line, &heard, &refuses).await });
            }
        });
        Self { address, asked, deaf }
    }

    /// The requests so far, by their first lines, that have `what` in them.
    pub fn asked(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|line| line.contains(what)).count()
    }

    /// Drops changes instead of passing them on, or does not any more.
    pub fn drop_changes(&self, drop: bool) {
        self.deaf.store(drop, Ordering::Relaxed);
    }
}

async fn pass(
    client: TcpStream,
    port: u16,
    line: Line,
    heard: &Mutex<Vec<String>>,
    refuses: &AtomicBool,
) -> Option<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut question, mut answer) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let next = async {
            tokio::select! {
                count = from_client.read(&mut question) => (true, count),
                count = from_server.read(&mut answer) => (false, count),
            }
        };
        let (asks, count) = timeout(line.idle, next).await.ok()?;
        let count = count.ok().filter(|count| *count > 0)?;
        if asks {
            let text = String::from_utf8_lossy(&question[..count]);
            let first = text.lines().next().unwrap_or_default().to_owned();
            if first.starts_with("PUT") && refuses.load(Ordering::Relaxed) {
                return None;
            }
            heard.lock().unwrap().push(first);
            to_server.write_all(&question[..count]).await.ok()?;
        } else {
            for piece in answer[..count].chunks(line.tenth) {
                to_client.write_all(piece).await.ok()?;
                if piece.len() == line.tenth || line.tenth < 64 << 10 {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}
