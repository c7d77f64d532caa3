//! Reading queries.

use crate::wire::{CLASS_IN, HEADER, NameKey, OPT_LEN, PLAIN_UDP, Reader, flag, rcode, rtype};

/// A query that can be answered.
pub(crate) struct Query<'m> {
    pub(crate) header: Header,
    /// The question as it was sent: name, type and class.
    pub(crate) question: &'m [u8],
    pub(crate) name: NameKey,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) edns: Option<Edns>,
}

/// What an answer repeats of a query's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u16,
    /// Opcode, RD and CD.
    pub(crate) kept: u16,
    /// AD: the client understands it in an answer (RFC 6840 section 5.7). No answer of ours has it.
    pub(crate) authentic: bool,
}

/// What the OPT record of a query says (RFC 6891 section 6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edns {
    /// The largest UDP message the client takes, in bytes; never less than 512.
    pub(crate) udp_size: u16,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
}

/// A question that is not ours to answer, with all that is needed to pass on another server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignQuestion {
    pub(crate) header: Header,
    pub(crate) question: Box<[u8]>,
    pub(crate) edns: Option<Edns>,
    /// The largest message the client takes, in bytes.
    pub(crate) limit: usize,
}

/// Why a message is no query that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not a query at all. Answering a response could go back and forth for ever.
    Silent,
    /// To be refused with this code.
    Refused(Header, u16),
}

impl<'m> Query<'m> {
    /// Reads a message.
    pub(crate) fn read(message: &'m [u8]) -> Result<Self, Unusable> {
        let mut reader = Reader::new(message);
        let (header, counts) = Header::read(&mut reader).ok_or(Unusable::Silent)?;
        if header.kept & flag::OPCODE != 0 {
            return Err(Unusable::Refused(header, rcode::NOTIMP));
        }
        let [1, 0, 0, additional] = counts else { return Err(Unusable::Refused(header, rcode::FORMERR)) };
        Self::body(message, header, additional, reader).ok_or(Unusable::Refused(header, rcode::FORMERR))
    }

    fn body(message: &'m [u8], header: Header, additional: u16, mut reader: Reader<'m>) -> Option<Self> {
        let name = NameKey::read(&mut reader)?;
        let (rtype, class) = (reader.u16()?, reader.u16()?);
        let question = message.get(HEADER..message.len() - reader.remaining())?;
        let mut edns = None;
        for _ in 0..additional {
            if let Some(found) = Edns::read(&mut reader)? {
                // More than one is a FORMERR (RFC 6891 section 6.1.1).
                if edns.replace(found).is_some() {
                    return None;
                }
            }
        }
        Some(Self { header, question, name, rtype, class, edns })
    }

    /// Whether this asks for something that one message, in the class Internet, can answer.
    pub(crate) fn is_lookup(&self) -> bool {
        self.class == CLASS_IN && !matches!(self.rtype, rtype::OPT | rtype::AXFR | rtype::IXFR)
    }
}

impl Header {
    /// The header of a query, and its four counts.
    fn read(reader: &mut Reader<'_>) -> Option<(Self, [u16; 4])> {
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = reader.u16()?;
        }
        let kept = flags & (flag::OPCODE | flag::RECURSION_DESIRED | flag::CHECKING_DISABLED);
        let authentic = flags & flag::AUTHENTIC_DATA != 0;
        (flags & flag::RESPONSE == 0).then_some((Self { id, kept, authentic }, counts))
    }

    /// The flags of the same question to another server.
    pub(crate) fn asked(self) -> u16 {
        self.kept | if self.authentic { flag::AUTHENTIC_DATA } else { 0 }
    }
}

impl Edns {
    /// Passes over a record; what it says if it is an OPT. The outer None: it is malformed.
    #[expect(clippy::option_option, reason = "malformed, another record, or an OPT record")]
    fn read(reader: &mut Reader<'_>) -> Option<Option<Self>> {
        let before = reader.remaining();
        reader.skip_name()?;
        let root = before - reader.remaining() == 1;
        let (kind, class) = (reader.u16()?, reader.u16()?);
        let &[_, version, flags, _] = reader.bytes(4)? else { return None };
        let length = reader.u16()?;
        reader.bytes(length.into())?;
        if kind != rtype::OPT {
            return Some(None);
        }
        let edns = Self { udp_size: class.max(PLAIN_UDP), version, dnssec_ok: flags & 0x80 != 0 };
        root.then_some(Some(edns))
    }

    /// An OPT record without options that offers `udp_size` and carries the upper bits of `code`.
    pub(crate) fn write(self, out: &mut Vec<u8>, udp_size: u16, code: u16) {
        let mut record = [0; OPT_LEN];
        record[1..3].copy_from_slice(&rtype::OPT.to_be_bytes());
        record[3..5].copy_from_slice(&udp_size.to_be_bytes());
        record[5] = (code >> 4).to_be_bytes()[1];
        record[7] = u8::from(self.dnssec_ok) << 7;
        out.extend_from_slice(&record);
    }
}
