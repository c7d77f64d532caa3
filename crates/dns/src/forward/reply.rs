//! What name servers answer.

use crate::{
    query::ForeignQuestion,
    wire::{HEADER, Reader, flag, rcode},
};

/// A name server's answer to a question that was asked.
pub(crate) struct Reply {
    message: Vec<u8>,
    flags: u16,
    /// Whether it repeats the question. Some servers do not where they refuse one.
    whole: bool,
}

impl Reply {
    /// Takes a message for the answer to `question`, asked under `id`, if it is one. Some servers answer in
    /// lower case; that is still the question.
    pub(crate) fn read(message: Vec<u8>, id: u16, question: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(&message);
        let (its_id, flags, questions) = (reader.u16()?, reader.u16()?, reader.u16()?);
        reader.bytes(HEADER - 6)?;
        if its_id != id || flags & (flag::RESPONSE | flag::OPCODE) != flag::RESPONSE {
            return None;
        }
        let (name, type_and_class) = question.split_at_checked(question.len().checked_sub(4)?)?;
        let whole = match questions {
            0 if matches!(
                flags & flag::RCODE,
                rcode::FORMERR | rcode::SERVFAIL | rcode::NOTIMP | rcode::REFUSED
            ) =>
            {
                false
            }
            1 => reader.bytes(name.len())?.eq_ignore_ascii_case(name) && reader.bytes(4)? == type_and_class,
            _ => return None,
        };
        (whole || questions == 0).then_some(Self { message, flags, whole })
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.flags & flag::TRUNCATED != 0
    }

    /// Whether it is worth no further try. Another server may do better after these, as glibc has it
    /// (`resolv/res_send.c`).
    pub(crate) fn is_conclusive(&self) -> bool {
        !matches!(self.flags & flag::RCODE, rcode::SERVFAIL | rcode::NOTIMP | rcode::REFUSED)
    }

    /// The answer under the client's id and in its spelling, or a truncated one if it is too long.
    pub(crate) fn for_client(mut self, request: &ForeignQuestion) -> Vec<u8> {
        if !self.whole {
            return request.refusal(self.flags & flag::RCODE);
        }
        let question = HEADER..HEADER + request.question.len();
        if self.message.len() > request.limit {
            return request.truncated();
        }
        self.message[..2].copy_from_slice(&request.header.id.to_be_bytes());
        self.message[question].copy_from_slice(&request.question);
        self.message
    }
}
