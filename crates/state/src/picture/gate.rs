//! What the store says is let in here, or not.

use super::{Picture, PictureKeeper};
use crate::admission::{Entry, Founding, Verdict};
use std::sync::Arc;
use weft_model::Key;
use weft_store::{Event, Update};

/// Whether what the store says is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// That is not decided yet.
    Undecided,
    /// It was, when the store was seen last.
    Open,
    /// It is not: nothing may be written to the store.
    Refused,
}

impl PictureKeeper {
    /// Lets in what the store says, or not.
    pub(super) fn look_at_the_gate(&self, picture: &mut Picture) -> Option<Founding> {
        let outside = picture.outside.as_ref()?;
        match self.admission.judge(outside, picture.cluster.as_deref()) {
            Verdict::Enter(entry) => self.enter(picture, &entry),
            Verdict::Found(founding) => {
                picture.gate = Gate::Undecided;
                // It was there before.
                if picture.error.is_none() {
                    self.has_lost(picture);
                }
                return Some(founding);
            }
            Verdict::Refuse(why) => {
                picture.gate = Gate::Refused;
                if picture.error.as_ref() != Some(&why) {
                    picture.since = self.env.now();
                    picture.error = Some(why);
                }
            }
        }
        None
    }

    fn enter(&self, picture: &mut Picture, entry: &Entry) {
        if entry.afresh {
            self.memory.forget();
            picture.cluster = None;
        } else if let Some(known) = picture.cluster.as_mut().filter(|_| entry.moved) {
            Arc::make_mut(known).forget_revisions();
        }
        self.admission.has_entered(entry);
        picture.gate = Gate::Open;
        picture.remains = picture.outside.take();
        if !self.is_found_again(picture) {
            self.has_lost(picture);
        }
    }

    /// Whether after `update` the store may be another cluster's.
    pub(super) fn may_be_another(&self, update: &Update) -> bool {
        let key = |event: &Event| match event {
            Event::Put(entry) => self.keyspace.parse(&entry.key),
            Event::Delete(key) => self.keyspace.parse(key),
        };
        match update {
            Update::Snapshot(_) => true,
            Update::Events { events, .. } => events.iter().any(|event| key(event) == Ok(Key::Cluster)),
        }
    }
}
