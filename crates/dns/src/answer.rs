//! Writing answers.

use crate::{
    query::{Edns, Header},
    wire::{CLASS_IN, HEADER, OPT_LEN, SAFE_UDP, flag},
};

/// How long an answer may be kept, in seconds: a container that is gone is forgotten after that.
const TTL: u32 = 5;

/// An answer that is being written. What does not fit is left out, and the answer says so (TC).
pub(crate) struct Answer<'o> {
    out: &'o mut Vec<u8>,
    limit: usize,
    header: Header,
    edns: Option<Edns>,
    flags: u16,
    records: u16,
}

impl<'o> Answer<'o> {
    /// Starts an answer of at most `limit` bytes in `out`, whose content is replaced.
    pub(crate) fn new(
        out: &'o mut Vec<u8>,
        limit: usize,
        header: Header,
        question: &[u8],
        edns: Option<Edns>,
    ) -> Self {
        out.clear();
        out.extend_from_slice(&[0; HEADER]);
        out.extend_from_slice(question);
        let reserved = if edns.is_some() { OPT_LEN } else { 0 };
        Self { out, limit: limit.saturating_sub(reserved), header, edns, flags: 0, records: 0 }
    }

    /// Adds a record about the name in question. False if there is no room for it.
    pub(crate) fn record(&mut self, rtype: u16, data: &[&[u8]]) -> bool {
        let length: usize = data.iter().map(|part| part.len()).sum();
        let Ok(rdlength) = u16::try_from(length) else { return false };
        if self.flags & flag::TRUNCATED != 0 || self.out.len() + 12 + length > self.limit {
            self.truncate();
            return false;
        }
        // The owner is a pointer to the question, which follows the header (RFC 1035 section 4.1.4).
        self.out.extend_from_slice(&[0xc0, 12]);
        self.out.extend_from_slice(&rtype.to_be_bytes());
        self.out.extend_from_slice(&CLASS_IN.to_be_bytes());
        self.out.extend_from_slice(&TTL.to_be_bytes());
        self.out.extend_from_slice(&rdlength.to_be_bytes());
        data.iter().for_each(|part| self.out.extend_from_slice(part));
        self.records += 1;
        true
    }

    /// Says that there is more than this.
    pub(crate) fn truncate(&mut self) {
        self.flags |= flag::TRUNCATED;
    }

    /// Says that nobody knows better.
    pub(crate) fn authoritative(&mut self) {
        self.flags |= flag::AUTHORITATIVE;
    }

    /// Completes the answer.
    pub(crate) fn finish(self, code: u16) {
        let question = u16::from(self.out.len() > HEADER);
        let flags = flag::RESPONSE | flag::RECURSION_AVAILABLE | self.header.kept | self.flags;
        let words = [
            self.header.id,
            flags | code & flag::RCODE,
            question,
            self.records,
            0,
            u16::from(self.edns.is_some()),
        ];
        for (place, word) in self.out.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        if let Some(edns) = self.edns {
            edns.write(self.out, SAFE_UDP, code);
        }
    }
}
