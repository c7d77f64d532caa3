//! One question to one name server. The caller sets the deadline.

use super::reply::Reply;
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

/// Asks over UDP, from a port of its own; what `accept` does not take is passed over.
pub(crate) async fn udp(
    server: SocketAddr,
    query: &[u8],
    accept: impl Fn(Vec<u8>) -> Option<Reply>,
) -> io::Result<Reply> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    // A connected socket receives from this server alone, and hears at once that nobody listens there.
    socket.connect(server).await?;
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
    server: SocketAddr,
    query: &[u8],
    accept: impl Fn(Vec<u8>) -> Option<Reply>,
) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    // In one segment: some servers do not wait for the second (RFC 7766 section 8).
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut message = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut message).await?;
    accept(message).ok_or_else(|| io::Error::other("it answered another question"))
}
