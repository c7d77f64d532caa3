//! Bytes to the kernel and back.

use crate::NetlinkError;
use netlink_sys::SocketAddr;
use rustix::net::sockopt;
use std::{io, time::Duration};

/// How long the kernel may take to answer one request.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The kernel's messages are at most this long (`netlink_dump`, `net/netlink/af_netlink.c`: 32 KiB), in bytes.
const LONGEST: usize = 64 << 10;
/// Room for the answers to a whole batch, in bytes: each counts with its kernel overhead.
const RECEIVE_BUFFER: usize = 1 << 20;

/// `NLM_F_DUMP_INTR`: the table changed while it was read.
pub(crate) const INTERRUPTED: u16 = 0x10;

/// A socket of one netlink protocol, in the network namespace of the thread that opened it.
pub(crate) struct Transport {
    inner: netlink_sys::Socket,
    buffer: Vec<u8>,
}

impl Transport {
    pub(crate) fn open(protocol: isize) -> Result<Self, NetlinkError> {
        let inner = netlink_sys::Socket::new(protocol).map_err(failed("socket"))?;
        sockopt::set_socket_timeout(&inner, sockopt::Timeout::Recv, Some(DEADLINE))
            .map_err(|e| failed("setsockopt")(e.into()))?;
        // Best effort: without it, batches of refused requests may overrun, and fail.
        let _ = sockopt::set_socket_recv_buffer_size_force(&inner, RECEIVE_BUFFER);
        inner.set_ext_ack(true).map_err(failed("setsockopt"))?;
        inner.set_cap_ack(true).map_err(failed("setsockopt"))?;
        // Filters of dumps are heeded from Linux 4.20 on; before, the whole table comes.
        let _ = inner.set_netlink_get_strict_chk(true);
        Ok(Self { inner, buffer: Vec::new() })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), NetlinkError> {
        loop {
            match self.inner.send_to(bytes, &SocketAddr::new(0, 0), 0) {
                Ok(_) => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(failed("send")(e)),
            }
        }
    }

    /// Gives back the memory for answers, until there are more.
    pub(crate) fn rest(&mut self) {
        self.buffer = Vec::new();
    }

    /// The messages of the next datagram, each with its header.
    pub(crate) fn receive(&mut self) -> Result<Vec<&[u8]>, NetlinkError> {
        self.buffer.clear();
        self.buffer.reserve(LONGEST);
        loop {
            match self.inner.recv(&mut self.buffer, 0) {
                Ok(_) => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return Err(NetlinkError::Timeout(DEADLINE));
                }
                Err(e) => return Err(failed("receive")(e)),
            }
        }
        messages(&self.buffer)
    }
}

/// The messages in a datagram, each with its header.
pub(crate) fn messages(datagram: &[u8]) -> Result<Vec<&[u8]>, NetlinkError> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let length = u32::from_ne_bytes(*length) as usize;
        let message = rest.get(..length).filter(|message| message.len() >= HEADER);
        messages.push(
            message
                .ok_or_else(|| NetlinkError::Malformed("a message longer than its datagram".to_owned()))?,
        );
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}

/// The length of a message's header (`struct nlmsghdr`) in bytes.
pub(crate) const HEADER: usize = 16;

/// What a message's header says of it.
pub(crate) struct Header {
    /// `NLMSG_…` below 16, else what the protocol calls it.
    pub(crate) kind: u16,
    /// `NLM_F_…`.
    pub(crate) flags: u16,
    /// That of the request which it answers.
    pub(crate) sequence: u32,
}

impl Header {
    /// The header of a message out of [`messages`].
    pub(crate) fn of(message: &[u8]) -> Option<Self> {
        let &[_, _, _, _, k0, k1, f0, f1, s0, s1, s2, s3, ..] = message.first_chunk::<HEADER>()?;
        Some(Self {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
        })
    }
}

/// The error number in the message that ends a dump, or answers a request; nothing if nothing was wrong. Both kinds
/// (`NLMSG_DONE`, `NLMSG_ERROR`) begin with it; at the end of a dump that did not fail it is zero or a length
/// (`netlink_dump_done` and `netlink_ack`, net/netlink/af_netlink.c).
pub(crate) fn error_number(message: &[u8]) -> Option<i32> {
    let code = i32::from_ne_bytes(*message.get(HEADER..)?.first_chunk()?);
    (code < 0).then(|| code.saturating_neg())
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> NetlinkError {
    move |source| NetlinkError::Socket { doing, source }
}

/// The attributes of a message, as pairs of kind and value.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    // The top bits say "nested" and "network byte order" (NLA_TYPE_MASK).
    const KIND: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let (&[a, b, c, d], _) = bytes.split_first_chunk::<4>()?;
        let (length, kind) = (usize::from(u16::from_ne_bytes([a, b])), u16::from_ne_bytes([c, d]));
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind & KIND, value))
    })
}

/// The kernel's own sentence in the attributes of an extended acknowledgement.
pub(crate) fn sentence(bytes: &[u8]) -> Option<String> {
    const NLMSGERR_ATTR_MSG: u16 = 1;
    let (_, text) = attributes(bytes).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_hostile_lengths_end() {
        assert_eq!(attributes(&[8, 0, 1, 0, 1, 2, 3, 4]).collect::<Vec<_>>(), [(1, &[1, 2, 3, 4][..])]);
        for bad in [&[0, 0, 1, 0][..], &[3, 0, 1, 0], &[200, 0, 1, 0, 1], &[4]] {
            assert_eq!(attributes(bad).count(), 0, "{bad:?}");
        }
    }

    #[test]
    fn finds_the_kernels_sentence() {
        let mut bytes = vec![8, 0, 2, 0, 1, 0, 0, 0];
        bytes.extend([11, 0, 1, 0]);
        bytes.extend(b"no way\0");
        assert_eq!(sentence(&bytes).as_deref(), Some("no way"));
    }
}
