//! What the store says is let in here, or not.

use super::Reflector;
use crate::{
    admission::{Entrance, Founding, Verdict},
    view::{Gate, View},
};
use std::sync::Arc;
use weft_model::Key;
use weft_store::{Event, Update};

impl Reflector {
    /// Lets in what the store says, or not.
    pub(super) fn look_at_the_gate(&self, view: &mut View) -> Option<Founding> {
        let outside = view.outside.as_ref()?;
        match self.admission.judge(outside, view.cluster.as_deref()) {
            Verdict::Enter(entry) => self.enter(view, &entry),
            Verdict::Found(founding) => {
                view.gate = Gate::Undecided;
                // It was there before.
                if view.error.is_none() {
                    self.has_lost(view);
                }
                return Some(founding);
            }
            Verdict::Refuse(why) => {
                view.gate = Gate::Refused;
                if view.error.as_ref() != Some(&why) {
                    view.since = self.env.now();
                    view.error = Some(why);
                }
            }
        }
        None
    }

    fn enter(&self, view: &mut View, entry: &Entrance) {
        if entry.afresh {
            self.memory.forget();
            view.cluster = None;
        } else if let Some(known) = view.cluster.as_mut().filter(|_| entry.moved) {
            Arc::make_mut(known).forget_revisions();
        }
        self.admission.has_entered(entry);
        view.gate = Gate::Open;
        view.stored = view.outside.take();
        if !self.is_found_again(view) {
            self.has_lost(view);
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
