//! A socket to the kernel's routing tables (rtnetlink(7)).

use crate::{
    NetlinkError,
    transport::{HEADER, Header, INTERRUPTED, Transport, error_number, sentence},
};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;

/// Requests sent at once.
const BATCH: usize = 256;
/// How often a dump that the kernel says was interrupted is tried.
const DUMP_ATTEMPTS: usize = 8;

/// A change to ask the kernel for.
#[derive(Debug, Clone)]
pub struct Request {
    message: RouteNetlinkMessage,
    flags: u16,
}

impl Request {
    /// A request with `NLM_F_…` flags beside those every request has.
    pub(crate) fn new(message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { message, flags }
    }
}

/// A socket in the network namespace that its thread was in when it was opened.
pub struct Socket {
    transport: Transport,
    sequence: u32,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel does not give one.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { transport: Transport::open(NETLINK_ROUTE)?, sequence: 0 })
    }

    /// Asks for one change.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] with the kernel's own sentence.
    pub fn request(&mut self, request: Request) -> Result<(), NetlinkError> {
        self.batch(vec![request]).pop().unwrap_or(Ok(()))
    }

    /// Asks for many changes at once: one answer for each, in their order. One that is refused does not stop
    /// those after it.
    pub fn batch(&mut self, requests: Vec<Request>) -> Vec<Result<(), NetlinkError>> {
        let mut results = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let chunk: Vec<Request> = requests.by_ref().take(BATCH).collect();
            self.chunk(chunk, &mut results);
        }
        results
    }

    fn chunk(&mut self, requests: Vec<Request>, results: &mut Vec<Result<(), NetlinkError>>) {
        let (start, count) = (results.len(), requests.len());
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        for (i, request) in requests.into_iter().enumerate() {
            // Errors come in any case. Without an error, the answer to the last one answers for all: the
            // kernel takes them in their order.
            let ack = if i + 1 == count { NLM_F_ACK } else { 0 };
            self.append(&mut bytes, request.message, NLM_F_REQUEST | ack | request.flags);
            results.push(Ok(()));
        }
        let last = self.sequence;
        let answered = self.transport.send(&bytes).and_then(|()| {
            loop {
                for message in self.receive()? {
                    let NetlinkPayload::Error(error) = message.payload else { continue };
                    let at = message.header.sequence_number.wrapping_sub(first) as usize;
                    if let (Some(result), Some(refused)) = (results.get_mut(start + at), refusal(&error)) {
                        *result = Err(refused);
                    }
                    if message.header.sequence_number == last {
                        return Ok(());
                    }
                }
            }
        });
        if let Err(error) = answered {
            // What was not answered may have been done or not: the first error speaks for the rest.
            let text = error.to_string();
            let mut first = Some(error);
            for result in results[start..].iter_mut().filter(|result| result.is_ok()) {
                *result = Err(first.take().unwrap_or_else(|| NetlinkError::Malformed(text.clone())));
            }
        }
    }

    /// Asks for one object.
    pub(crate) fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Option<RouteNetlinkMessage>, NetlinkError> {
        let mut bytes = Vec::new();
        self.append(&mut bytes, message, NLM_F_REQUEST);
        self.transport.send(&bytes)?;
        loop {
            for message in self.receive()? {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                return match message.payload {
                    NetlinkPayload::InnerMessage(inner) => Ok(Some(inner)),
                    NetlinkPayload::Error(error) => refusal(&error).map_or(Ok(None), Err),
                    _ => Ok(None),
                };
            }
        }
    }

    /// Reads a table, and keeps what `read` makes of each object as it comes: tables have thousands. Objects of a
    /// kind that this version cannot read are left out: none of ours is.
    ///
    /// # Errors
    /// As of [`Socket::dump_raw`].
    pub(crate) fn dump<T>(
        &mut self,
        message: &RouteNetlinkMessage,
        read: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        self.dump_raw(message, |object| match NetlinkMessage::deserialize(object).ok()?.payload {
            NetlinkPayload::InnerMessage(object) => read(object),
            _ => None,
        })
    }

    /// The same, of the bytes of each object with its header.
    ///
    /// # Errors
    /// [`NetlinkError::Interrupted`] when the table changed during every attempt: what was read then could
    /// lack objects that are there. [`NetlinkError::Refused`] also when the kernel gave up half-way.
    pub(crate) fn dump_raw<T>(
        &mut self,
        message: &RouteNetlinkMessage,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut bytes = Vec::new();
            self.append(&mut bytes, message.clone(), NLM_F_REQUEST | NLM_F_DUMP);
            self.transport.send(&bytes)?;
            if let Some(objects) = self.collect(&read)? {
                return Ok(objects);
            }
        }
        Err(NetlinkError::Interrupted(DUMP_ATTEMPTS))
    }

    /// The objects of one dump; nothing if it was interrupted.
    fn collect<T>(&mut self, read: impl Fn(&[u8]) -> Option<T>) -> Result<Option<Vec<T>>, NetlinkError> {
        let (mut objects, mut interrupted) = (Vec::new(), false);
        loop {
            for message in self.transport.receive()? {
                let Some(header) = Header::of(message).filter(|header| header.sequence == self.sequence)
                else {
                    continue;
                };
                interrupted |= header.flags & INTERRUPTED != 0;
                match header.kind {
                    NLMSG_DONE => return ended(message).map_or(Ok((!interrupted).then_some(objects)), Err),
                    NLMSG_ERROR => return ended(message).map_or(Ok(Some(objects)), Err),
                    NLMSG_OVERRUN => return Ok(None),
                    NLMSG_NOOP => {}
                    _ => objects.extend(read(message)),
                }
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let at = bytes.len();
        // Messages start at multiples of four (NLMSG_ALIGN).
        bytes.resize(at + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut bytes[at..]);
    }

    /// The messages of one datagram, without objects that have an attribute the library cannot read.
    fn receive(&mut self) -> Result<Vec<NetlinkMessage<RouteNetlinkMessage>>, NetlinkError> {
        Ok(parse(self.transport.receive()?))
    }
}

/// Messages without those that the library cannot read.
pub(crate) fn parse(messages: Vec<&[u8]>) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    messages.into_iter().filter_map(|message| NetlinkMessage::deserialize(message).ok()).collect()
}

/// What the kernel says was wrong at the end of a dump; nothing if it has told all.
fn ended(message: &[u8]) -> Option<NetlinkError> {
    let errno = error_number(message)?;
    // After an error's number comes the request's header.
    let attributes = if Header::of(message)?.kind == NLMSG_ERROR { 2 * HEADER + 4 } else { HEADER + 4 };
    let message = message.get(attributes..).and_then(sentence);
    Some(NetlinkError::Refused { errno, message })
}

/// What the kernel says was wrong; nothing if it was an acknowledgement.
pub(crate) fn refusal(error: &netlink_packet_core::ErrorMessage) -> Option<NetlinkError> {
    let errno = error.code?.get().saturating_neg();
    // The request's header comes first, then attributes (NETLINK_CAP_ACK cuts its payload off).
    let message = error.header.get(16..).and_then(sentence);
    Some(NetlinkError::Refused { errno, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(kind: u16, code: i32) -> Vec<u8> {
        let mut message = vec![20, 0, 0, 0];
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(code.to_ne_bytes());
        message
    }

    #[test]
    fn a_dump_that_the_kernel_gave_up_is_no_whole_one() {
        for kind in [NLMSG_DONE, NLMSG_ERROR] {
            assert!(ended(&last(kind, 0)).is_none());
            assert_eq!(ended(&last(kind, -12)).and_then(|error| error.errno()), Some(12));
        }
        assert!(ended(&last(NLMSG_DONE, -1)[..18]).is_none());
    }
}
