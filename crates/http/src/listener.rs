//! Where connections come from.

use std::{future::Future, io, os::fd::AsFd};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// A socket that connections come in on.
pub trait Listener: AsFd {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next. Cancel-safe: a connection that is not accepted yet stays in the kernel's queue.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Whether clients that are not accepted when this agent stops are left to the next agent.
    fn outlives_this_agent(&self) -> bool {
        false
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}
