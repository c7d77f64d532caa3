//! Changes that a member asks for, and may not make.

use super::{Overlay, StoredRecord};
use crate::{Asker, SessionId};
use std::{collections::BTreeSet, sync::Arc};
use weft_trust::{Asked, Change, Kept, NotYours};

impl Overlay<'_> {
    /// Runs `work`, whose attempts are carried out only if `asker` may make what they change. Whichever way it changes
    /// something, it is seen here.
    ///
    /// # Errors
    /// [`NotYours`]: nothing of that attempt was changed, whatever `work` returned.
    pub(crate) fn asked_by<T>(
        &mut self,
        asker: Option<&Asker>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, NotYours> {
        self.asker = asker.cloned();
        let result = work(self);
        self.asker = None;
        self.refused.take().map_or(Ok(result), Err)
    }

    /// Whether what is being attempted may be kept.
    pub(super) fn permit(&self) -> Result<(), NotYours> {
        let Some(asker) = &self.asker else { return Ok(()) };
        let ended: BTreeSet<&SessionId> =
            self.attempt.sessions.iter().filter(|(_, to)| to.is_none()).map(|(id, _)| id).collect();
        let goes_with_it = |before: Option<&Arc<StoredRecord>>| {
            before.and_then(|before| before.session.as_ref()).is_some_and(|session| ended.contains(session))
        };
        let changes: Vec<Change<'_>> = self
            .attempt
            .records
            .iter()
            .map(|(key, after)| (key, self.settled(key), after.as_ref()))
            .filter(|(_, before, after)| after.is_some() || !goes_with_it(*before))
            .map(|(key, before, after)| Change { key, before: kept(before), after: kept(after) })
            .collect();
        let before = |key: &str| self.settled(key).map(|record| record.value.as_slice());
        let asked = Asked { by: asker.subject(), changes: &changes, before: &before };
        asker.rules().check(&asked)?;
        for id in ended.into_iter().chain(self.attempt.renewed.keys()) {
            let Some(session) = self.settled_session(id) else { continue };
            let bound = self.base.records.iter().filter(|(_, record)| record.session.as_ref() == Some(id));
            asker.rules().check_session(&asked, &session.name, bound.map(|(key, _)| key.as_str()))?;
        }
        Ok(())
    }
}

fn kept(record: Option<&Arc<StoredRecord>>) -> Option<Kept<'_>> {
    record.map(|record| Kept {
        value: &record.value,
        session: record.session.as_ref().map(|session| session.0.as_str()),
    })
}
