//! Names in the network namespaces that container engines make, where a resolver of the engine's is at home.
//!
//! The engine has its containers ask 127.0.0.11, and translates that to a port of its resolver's choice (libnetwork,
//! `resolver_unix.go`). Ours answers at another port of that address, and is put before it by a redirection that comes
//! earlier; what ours asks the engine's comes from another address, and is left to the engine's translation. Nobody
//! has port 53 itself: a container may run a name server.
//!
//! The redirection ends with the agent, however it ends (before Linux 5.12 only if it was not killed): the engine's
//! resolver then answers as if there had been no other, and an agent that starts takes its place again.

use super::{InSandbox, linux::is_own, own_address::answers_from};
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

/// How many ports are tried that are free for UDP, until one is free for TCP too.
const ATTEMPTS: usize = 16;
/// Where questions to the engine's resolver come from.
const OUR_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 12);
/// The name of the nftables table.
const TABLE: &str = "weft";
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
    answers_from((SERVER, PORT).into())?;
    let attempt = || {
        let udp = UdpSocket::bind((SERVER, 0))?;
        let port = udp.local_addr()?.port();
        Ok((udp, TcpListener::bind((SERVER, port))?, port))
    };
    let is_taken =
        |result: &io::Result<_>| result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    let mut attempts = std::iter::repeat_with(attempt).take(ATTEMPTS);
    attempts.find(|result| !is_taken(result)).unwrap_or_else(|| Err(io::ErrorKind::AddrInUse.into()))
}

fn redirect(to: u16) -> Result<Redirected, NetlinkError> {
    Redirect { table: TABLE, address: SERVER, from: PORT, to, except: OUR_ADDRESS }.put()
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
