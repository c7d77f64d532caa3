//! Names in the network namespaces that container engines make, where a resolver of the engine's is at home.
//!
//! The engine has its containers ask 127.0.0.11, and translates that to a port of its resolver's choice, at the
//! usual priority (libnetwork, `resolver_unix.go`). Ours answers at another port of that address, and is put before
//! it by a translation that comes earlier; what ours asks the engine's comes from another address, and is left to
//! the engine's translation. Nobody has port 53 itself: a container may run a name server.
//!
//! The translation ends with the agent, however it ends (before Linux 5.12 only if it was not killed): the engine's
//! resolver then answers as if there had been no other, and an agent that starts takes its place again.

use super::{InSandbox, linux::is_own};
use async_trait::async_trait;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};
use weft_dns::{
    EngineResolver, Sockets, Transport,
    upstream::{PORT, SERVER},
};
use weft_netlink::{NamespaceError, NetlinkError, Redirect, Redirected, in_namespace};

/// The port ours answers at, if it is free: one that stays the same suits who goes on asking from the socket of his
/// first question, which the kernel goes on translating as it did.
const OUR_PORT: u16 = 30053;
/// How many other ports are tried.
const ATTEMPTS: usize = 16;
/// Where questions to the engine's resolver come from.
const OUR_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 12);
/// The name of the nftables table.
const TABLE: &str = "weft";
/// Before NF_IP_PRI_NAT_DST, -100, where the engine's translation is.
const PRIORITY: i32 = -150;

/// Why names cannot be answered in a sandbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    /// It cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// It is no sandbox.
    #[error("{} is this host's own network, not a container's", .0.display())]
    OwnNetwork(PathBuf),
    /// The kernel gives no sockets.
    #[error("cannot answer on {SERVER} in {}", .1.display())]
    Sockets(#[source] io::Error, PathBuf),
    /// Questions cannot be led to us.
    #[error("cannot set nftables rules in {}", .1.display())]
    Redirect(#[source] NetlinkError, PathBuf),
}

/// Takes over the names in the namespace at `netns`.
///
/// # Errors
/// When there is none, or the kernel refuses.
pub(super) async fn take_over(netns: &Path) -> Result<InSandbox, SandboxError> {
    if is_own(netns)? {
        return Err(SandboxError::OwnNetwork(netns.to_owned()));
    }
    let path = netns.to_owned();
    let inside = move || {
        let (udp, tcp, port) = listen().map_err(|error| SandboxError::Sockets(error, path.clone()))?;
        let redirected = redirect(port).map_err(|error| SandboxError::Redirect(error, path))?;
        Ok::<_, SandboxError>((udp, tcp, redirected))
    };
    let (udp, tcp, redirected) = in_namespace(netns, inside).await??;
    let sockets = Arc::new(SandboxSockets { netns: netns.to_owned() });
    let engine = EngineResolver { address: SocketAddrV4::new(SERVER, PORT).into(), sockets };
    Ok(InSandbox { udp, tcp, engine, precedence: Box::new(redirected) })
}

/// A port where ours can be asked over UDP and TCP.
fn listen() -> io::Result<(UdpSocket, TcpListener, u16)> {
    let at = |port: u16| -> io::Result<_> {
        let udp = UdpSocket::bind((SERVER, port))?;
        let port = udp.local_addr()?.port();
        Ok((udp, TcpListener::bind((SERVER, port))?, port))
    };
    let mut result = at(OUR_PORT);
    for _ in 0..ATTEMPTS {
        match result {
            Err(ref error) if error.kind() == io::ErrorKind::AddrInUse => result = at(0),
            result => return result,
        }
    }
    result
}

fn redirect(port: u16) -> Result<Redirected, NetlinkError> {
    let (from, to) = (SocketAddrV4::new(SERVER, PORT), SocketAddrV4::new(SERVER, port));
    Redirect { table: TABLE, priority: PRIORITY, from, to, except: OUR_ADDRESS }.put()
}

/// Sockets that the engine's resolver is asked from.
#[derive(Debug)]
struct SandboxSockets {
    netns: PathBuf,
}

#[async_trait]
impl Sockets for SandboxSockets {
    async fn socket(&self, transport: Transport) -> io::Result<OwnedFd> {
        let kind = match transport {
            Transport::Udp => SocketType::DGRAM,
            Transport::Tcp => SocketType::STREAM,
        };
        let inside = move || {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::INET, kind, flags, None)?;
            bind(&socket, &SocketAddrV4::new(OUR_ADDRESS, 0))?;
            Ok(socket)
        };
        in_namespace(&self.netns, inside).await.map_err(io::Error::other)?
    }
}
