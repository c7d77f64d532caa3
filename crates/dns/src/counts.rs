//! How questions were answered.

use crate::{
    resolve::QueryOutcome,
    wire::{flag, rcode},
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of questions, by how they were answered. One thread writes them, without a lock; any may read.
#[derive(Debug, Default)]
pub struct QuestionCounts {
    answered: AtomicU64,
    nxdomain: AtomicU64,
    refused: AtomicU64,
    forwarded: AtomicU64,
    failed: AtomicU64,
    ignored: AtomicU64,
}

impl QuestionCounts {
    /// Every count with its name.
    pub fn read(&self) -> [(&'static str, u64); 6] {
        [
            ("answered", &self.answered),
            ("nxdomain", &self.nxdomain),
            ("refused", &self.refused),
            ("forwarded", &self.forwarded),
            ("failed", &self.failed),
            ("ignored", &self.ignored),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// A message that was dealt with here, with `answer` if there is one.
    pub(crate) fn own(&self, outcome: &QueryOutcome, answer: &[u8]) {
        match outcome {
            QueryOutcome::Silent => one_more(&self.ignored),
            QueryOutcome::Answered => match flags(answer) {
                // Without this bit it is BADVERS, which has its own counter.
                flags if flags & flag::RCODE == rcode::NOERROR && flags & flag::AUTHORITATIVE != 0 => {
                    one_more(&self.answered);
                }
                flags if flags & flag::RCODE == rcode::NXDOMAIN => one_more(&self.nxdomain),
                // Nothing a container should ask: malformed, another class, a zone transfer.
                _ => one_more(&self.refused),
            },
            // Counted when its answer is there.
            QueryOutcome::Forward(_) => {}
        }
    }

    /// What another name server was asked for. That it did not answer, or could not, is told to the client as
    /// SERVFAIL.
    pub(crate) fn others(&self, answer: &[u8]) {
        match flags(answer) & flag::RCODE {
            rcode::SERVFAIL => one_more(&self.failed),
            _ => one_more(&self.forwarded),
        }
    }
}

/// The second word of a header.
fn flags(answer: &[u8]) -> u16 {
    answer.get(2..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u16::from_be_bytes)
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
