//! DNS on the wire: numbers, and names in the form tables are keyed by.

/// Record types (RFC 1035 section 3.2.2, RFC 3596, RFC 6891).
pub(crate) mod rtype {
    pub(crate) const A: u16 = 1;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const IXFR: u16 = 251;
    pub(crate) const AXFR: u16 = 252;
    pub(crate) const ANY: u16 = 255;
}

/// Response codes (RFC 1035 section 4.1.1, RFC 6891 section 9).
pub(crate) mod rcode {
    pub(crate) const NOERROR: u16 = 0;
    pub(crate) const FORMERR: u16 = 1;
    pub(crate) const SERVFAIL: u16 = 2;
    pub(crate) const NXDOMAIN: u16 = 3;
    pub(crate) const NOTIMP: u16 = 4;
    pub(crate) const REFUSED: u16 = 5;
    pub(crate) const BADVERS: u16 = 16;
}

/// Bits of the second word of a header (RFC 1035 section 4.1.1, RFC 4035 section 3).
pub(crate) mod flag {
    pub(crate) const RESPONSE: u16 = 1 << 15;
    pub(crate) const OPCODE: u16 = 0xf << 11;
    pub(crate) const AUTHORITATIVE: u16 = 1 << 10;
    pub(crate) const TRUNCATED: u16 = 1 << 9;
    pub(crate) const RECURSION_DESIRED: u16 = 1 << 8;
    pub(crate) const RECURSION_AVAILABLE: u16 = 1 << 7;
    pub(crate) const AUTHENTIC_DATA: u16 = 1 << 5;
    pub(crate) const CHECKING_DISABLED: u16 = 1 << 4;
    pub(crate) const RCODE: u16 = 0xf;
}

/// The class Internet.
pub(crate) const CLASS_IN: u16 = 1;
/// Bytes of a header.
pub(crate) const HEADER: usize = 12;
/// Bytes of an OPT record without options: a root name, type, class, TTL and length.
pub(crate) const OPT_LEN: usize = 11;
/// What a UDP message can be without EDNS (RFC 1035 section 4.2.1).
pub(crate) const PLAIN_UDP: u16 = 512;
/// What a UDP message can be without being fragmented anywhere (DNS flag day 2020).
pub(crate) const SAFE_UDP: u16 = 1232;

const MAX_NAME: usize = 255;
const MAX_LABEL: u8 = 63;

/// Reads a message from its front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'m> {
    rest: &'m [u8],
}

impl<'m> Reader<'m> {
    pub(crate) fn new(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Option<&'m [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    /// Passes over a name, compressed or not.
    pub(crate) fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.u8()? {
                0 => return Some(()),
                // A pointer ends a name (RFC 1035 section 4.1.4); where it leads does not matter here.
                0xc0.. => return self.u8().map(drop),
                length @ 1..=MAX_LABEL => drop(self.bytes(length.into())?),
                _ => return None,
            }
        }
    }
}

/// A name as DNS writes it, in lower case and without the root label at its end: two names are equal if
/// these bytes are (RFC 4343), dots and zeros inside labels included.
#[derive(Clone)]
pub(crate) struct NameKey {
    bytes: [u8; MAX_NAME],
    len: usize,
}

impl NameKey {
    /// Reads the name of a question. A pointer is an error: there is nothing before it to point to.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut key = Self { bytes: [0; MAX_NAME], len: 0 };
        loop {
            let length = reader.u8()?;
            if length == 0 {
                return Some(key);
            }
            if length > MAX_LABEL {
                return None;
            }
            let label = reader.bytes(length.into())?;
            let end = key.len + 1 + label.len();
            // The root label counts, too (RFC 1035 section 3.1).
            let to = key.bytes.get_mut(key.len..end).filter(|_| end < MAX_NAME)?;
            to[0] = length;
            to[1..].copy_from_slice(label);
            to[1..].make_ascii_lowercase();
            key.len = end;
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The labels of `name`, each with its length before it. None if DNS cannot express it: an empty label, or
/// one longer than 63 bytes.
pub(crate) fn encode(name: &str) -> Option<Vec<u8>> {
    let mut wire = Vec::with_capacity(name.len() + 1);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|n| (1..=MAX_LABEL).contains(n))?;
        wire.push(length);
        wire.extend_from_slice(label.as_bytes());
    }
    (wire.len() < MAX_NAME).then_some(wire)
}
