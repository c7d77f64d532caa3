//! One question to one name server. The caller sets the deadline.

use super::reply::Reply;
use crate::engine::EngineResolver;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

/// The largest answer over UDP: more than is ever offered.
const MAX_UDP: usize = 4096;

/// Where a question is sent from, and to which server.
pub(crate) enum Origin<'o> {
    /// This host, a name server.
    Host(SocketAddr),
    /// A container's network namespace, its engine's resolver.
    Sandbox(&'o EngineResolver),
}

impl Origin<'_> {
    pub(crate) fn server(&self) -> SocketAddr {
        match self {
            Self::Host(server) => *server,
            Self::Sandbox(engine) => engine.address,
        }
    }

    async fn udp(&self) -> io::Result<UdpSocket> {
        match self {
            Self::Host(SocketAddr::V4(_)) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await,
            Self::Host(SocketAddr::V6(_)) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await,
            Self::Sandbox(engine) => engine.udp().await,
        }
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        match self {
            Self::Host(server) => TcpStream::connect(server).await,
            Self::Sandbox(engine) => engine.tcp().await?.connect(engine.address).await,
        }
    }
}

/// Asks over UDP, from a port of its own; what `accept` does not take is passed over.
pub(crate) async fn udp(
    origin: &Origin<'_>,
    query: &[u8],
    accept: impl Fn(Vec<u8>) -> Option<Reply>,
) -> io::Result<Reply> {
    let socket = origin.udp().await?;
    // A connected socket receives from this server alone, and hears at once that nobody listens there.
    socket.connect(origin.server()).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; MAX_UDP];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = accept(buffer[..length].to_vec()) {
            return Ok(reply);
        }
    }
}

/// Asks over TCP (RFC 1035 section 4.2.2).
pub(crate) async fn tcp(
    origin: &Origin<'_>,
    query: &[u8],
    accept: impl Fn(Vec<u8>) -> Option<Reply>,
) -> io::Result<Reply> {
    let mut stream = origin.tcp().await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    // In one segment: some servers do not wait for the second (RFC 7766 section 8).
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    accept(message).ok_or_else(|| io::Error::other("it answered another question"))
}
