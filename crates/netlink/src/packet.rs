//! Frames as they are, to and from one link.

use crate::{NamespaceError, in_namespace};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque},
        bind, netdevice, recv, send, socket_with,
    },
};
use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};
use tokio::io::{Interest, unix::AsyncFd};

/// Where frames go to, or come from (`struct sockaddr_ll`, include/uapi/linux/if_packet.h). The rest is in the frame.
#[repr(C)]
pub(crate) struct LinkAddress {
    family: u16,
    /// The type of Ethernet frames, most significant byte first; zero: none.
    protocol: u16,
    link: i32,
    hardware: u16,
    kind: u8,
    length: u8,
    address: [u8; 8],
}

/// Of a [`LinkAddress`], in bytes.
const LENGTH: SocketAddrLen = 20;
const _: () = assert!(size_of::<LinkAddress>() == 20);

impl LinkAddress {
    /// That of the link with this number.
    pub(crate) fn new(link: u32, ethertype: u16) -> io::Result<Self> {
        let link = i32::try_from(link).map_err(io::Error::other)?;
        let (family, protocol) = (AddressFamily::PACKET.as_raw(), ethertype.to_be());
        Ok(Self { family, protocol, link, hardware: 0, kind: 0, length: 6, address: [0; 8] })
    }
}

// SAFETY: the pointer is to a whole `sockaddr_ll`, which lives as long as the call, and the length is its own.
#[allow(unsafe_code)]
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        f(std::ptr::from_ref(self).cast(), LENGTH)
    }
}

/// A socket for Ethernet frames of one type on one link. What else arrives there goes past it.
#[derive(Debug)]
pub struct Frames {
    socket: AsyncFd<OwnedFd>,
    netns: PathBuf,
    /// Which namespace was there: device and number of its file (namespaces(7)).
    opened_in: (u64, u64),
    name: String,
    link: u32,
}

impl Frames {
    /// The largest frame, in bytes: what the kernel hands over in one piece, and its header.
    pub const LARGEST: usize = 65_536 + 14;

    /// Whether [`open`](Self::open) has found no such link, or no such namespace.
    pub fn is_not_there(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::NODEV.raw_os_error())
    }

    /// A socket on the link `name` of the network namespace at `netns`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such namespace, ENODEV if there is no such link; as socket(2) and bind(2)
    /// have them.
    pub async fn open(netns: &Path, name: &str, ethertype: u16) -> io::Result<Self> {
        let netns = netns.to_owned();
        let link = name.to_owned();
        let opened = in_namespace(&netns, move || bound(&link, ethertype)).await;
        let (socket, link, opened_in) = opened.map_err(not_entered)??;
        #[expect(deprecated, reason = "its `unsafe` successor guards against types not as strict as OwnedFd")]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket, netns, opened_in, name: name.to_owned(), link })
    }

    /// Whether its link is still there: one that was made anew is another, and so is one in a namespace that was.
    pub fn is_there(&self) -> bool {
        fs::metadata(&self.netns).is_ok_and(|file| identity(&file) == self.opened_in)
            && netdevice::name_to_index(self.socket.get_ref(), &self.name) == Ok(self.link)
    }

    /// Waits for a frame, and puts it at the begin of `frame`. Says how many bytes it has; what there is no room for is cut
    /// off. Safe to cancel.
    ///
    /// # Errors
    /// ENETDOWN when the link goes down, or is gone.
    pub async fn receive(&self, frame: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.socket.readable().await?;
            let received =
                ready.try_io(|socket| Ok(recv(socket.get_ref(), &mut *frame, RecvFlags::empty())?));
            match received {
                Ok(received) => return received.map(|(length, _)| length),
                Err(_would_block) => {}
            }
        }
    }

    /// Sends a frame, or not: nothing is waited for.
    ///
    /// # Errors
    /// When the kernel does not take it: as send(2) has them.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let sent = rustix::io::retry_on_intr(|| send(self.socket.get_ref(), frame, SendFlags::empty()));
        sent.map(drop).map_err(Errno::into)
    }
}

/// A socket on a link of the namespace that the calling thread is in, with the link's number and which namespace that is.
fn bound(name: &str, ethertype: u16) -> io::Result<(OwnedFd, u32, (u64, u64))> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    let link = netdevice::name_to_index(&socket, name)?;
    bind(&socket, &LinkAddress::new(link, ethertype)?)?;
    Ok((socket, link, identity(&fs::metadata("/proc/thread-self/ns/net")?)))
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn not_entered(error: NamespaceError) -> io::Error {
    let kind = if error.is_gone() { io::ErrorKind::NotFound } else { io::ErrorKind::Other };
    io::Error::new(kind, error)
}
