//! A container engine's own resolver, which ours asks in the containers that have one.

use crate::resolve::Transport;
use async_trait::async_trait;
use std::{
    fmt::Debug,
    io,
    net::{SocketAddr, TcpStream, UdpSocket},
    os::fd::OwnedFd,
    sync::Arc,
};

/// The resolver that an engine runs in a container's network namespace. It knows the container's other networks, and
/// the name servers for all other names.
#[derive(Debug, Clone)]
pub struct EngineResolver {
    /// Where it is asked, within the namespace.
    pub address: SocketAddr,
    /// What it is asked from.
    pub sockets: Arc<dyn Sockets>,
}

/// Gives sockets in a container's network namespace.
#[async_trait]
pub trait Sockets: Debug + Send + Sync + 'static {
    /// A new socket for datagrams, or for a stream, that is neither connected nor blocking.
    ///
    /// # Errors
    /// If the namespace is gone, or the kernel gives none.
    async fn socket(&self, transport: Transport) -> io::Result<OwnedFd>;
}

impl EngineResolver {
    pub(crate) async fn udp(&self) -> io::Result<tokio::net::UdpSocket> {
        let socket = UdpSocket::from(self.sockets.socket(Transport::Udp).await?);
        tokio::net::UdpSocket::from_std(socket)
    }

    pub(crate) async fn tcp(&self) -> io::Result<tokio::net::TcpSocket> {
        let socket = TcpStream::from(self.sockets.socket(Transport::Tcp).await?);
        Ok(tokio::net::TcpSocket::from_std_stream(socket))
    }
}

impl PartialEq for EngineResolver {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && Arc::ptr_eq(&self.sockets, &other.sockets)
    }
}

impl Eq for EngineResolver {}
