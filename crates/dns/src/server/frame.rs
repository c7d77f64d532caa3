//! Messages on a TCP stream: each with its length before it (RFC 1035 section 4.2.2).

use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

/// Reads messages.
pub(super) struct Frames {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that were handed out.
    used: usize,
}

impl Frames {
    pub(super) fn new(stream: OwnedReadHalf) -> Self {
        Self { stream, buffer: Vec::new(), used: 0 }
    }

    /// The next message; None at the end of the stream. Can be cancelled: what was read is kept.
    pub(super) async fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.drain(..std::mem::take(&mut self.used));
        while self.complete().is_none() {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        let end = self.complete().unwrap_or_default();
        self.used = end;
        Ok(Some(&self.buffer[2..end]))
    }

    /// Where the message at the front ends, if all of it is there.
    fn complete(&self) -> Option<usize> {
        let length = self.buffer.first_chunk().copied().map(u16::from_be_bytes)?;
        let end = 2 + usize::from(length);
        (self.buffer.len() >= end).then_some(end)
    }
}

/// Writes a message.
pub(super) async fn write(stream: &mut OwnedWriteHalf, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await
}
