//! One end of a connection, with deadlines.

use crate::hang_up::HangUp;
use rustix::net::Shutdown;
use std::{path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long to wait for what should not happen.
const A_WHILE: Duration = Duration::from_millis(100);

/// What happens soon.
pub(super) async fn soon<T>(happens: impl Future<Output = T>) -> T {
    timeout(DEADLINE, happens).await.expect("it happens soon")
}

/// Whether something does not happen for a while.
pub(super) async fn not_yet<T>(happens: impl Future<Output = T>) -> bool {
    timeout(A_WHILE, happens).await.is_err()
}

pub(super) struct Wire {
    stream: UnixStream,
    read: Vec<u8>,
}

impl Wire {
    pub(super) fn of(stream: UnixStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(super) async fn connect(path: &Path) -> Self {
        Self::of(soon(UnixStream::connect(path)).await.unwrap())
    }

    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Says this as long as the other side takes it, at most `limit` bytes. Returns how much that was.
    pub(super) async fn flood(&mut self, bytes: &[u8], limit: usize) -> usize {
        let mut said = 0;
        while said < limit {
            match timeout(A_WHILE, self.stream.write(bytes)).await {
                Ok(Ok(written)) => said += written,
                Ok(Err(_)) | Err(_) => break,
            }
        }
        said
    }

    /// Says that nothing more comes.
    pub(super) async fn end(&mut self) {
        soon(self.stream.shutdown()).await.unwrap();
    }

    /// Reads until what was read ends with `end`, and takes all of it.
    pub(super) async fn until(&mut self, end: &str) -> String {
        let found = soon(async {
            loop {
                if let Some(at) = find(&self.read, end.as_bytes()) {
                    return at + end.len();
                }
                let read = self.stream.read_buf(&mut self.read).await.unwrap();
                assert_ne!(read, 0, "ended before {end:?}: {:?}", String::from_utf8_lossy(&self.read));
            }
        });
        let length = found.await;
        String::from_utf8(self.read.drain(..length).collect()).unwrap()
    }

    /// The head of a message.
    pub(super) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// The next bytes.
    pub(super) async fn next(&mut self, count: usize) -> Vec<u8> {
        soon(async {
            while self.read.len() < count {
                assert_ne!(self.stream.read_buf(&mut self.read).await.unwrap(), 0, "ended early");
            }
        })
        .await;
        self.read.drain(..count).collect()
    }

    /// All that comes, until the other side ends or breaks.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let _ = soon(self.stream.read_to_end(&mut self.read)).await;
        std::mem::take(&mut self.read)
    }

    /// An answer, with a body of known length, in words.
    pub(super) async fn answer(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let body = String::from_utf8(self.next(length).await).unwrap();
        (head, body)
    }

    /// It, and whether the other side hangs up.
    pub(super) fn watched(self) -> (Self, HangUp) {
        let hang_up = HangUp::of(&self.stream);
        (self, hang_up)
    }

    /// Says that nothing more is read.
    pub(super) fn hears_no_more(&self) {
        rustix::net::shutdown(&self.stream, Shutdown::Read).unwrap();
    }

    /// Whether there is nothing to read for a while.
    pub(super) async fn is_silent(&mut self) -> bool {
        self.read.is_empty() && not_yet(self.stream.read_buf(&mut self.read)).await
    }
}

/// The value of a header; the case of its name does not matter.
pub(super) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
