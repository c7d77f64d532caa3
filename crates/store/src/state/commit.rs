//! The trait's transactions, by the rules of [`Op`].

use super::{Bind, Overlay, StoredRecord, Write};
use crate::{Condition, Op, SessionId, Txn};

/// Carries out `txn`, or says which keys' conditions do not hold.
pub(crate) fn commit(overlay: &mut Overlay<'_>, txn: &Txn) -> Result<(), Vec<String>> {
    overlay.attempt(|overlay| {
        let mut conflicts = Vec::new();
        for op in &txn.ops {
            if !may(overlay, op) {
                conflicts.push(op.key().to_owned());
            } else if conflicts.is_empty() {
                carry_out(overlay, op);
            }
        }
        if conflicts.is_empty() { Ok(()) } else { Err(conflicts) }
    })
}

fn may(overlay: &Overlay<'_>, op: &Op) -> bool {
    let held = overlay.get(op.key()).map(AsRef::as_ref);
    let free = match op {
        Op::Put { session: Some(session), .. } => may_bind(overlay, held, session),
        _ => true,
    };
    free && holds(op.condition(), held)
}

fn holds(condition: Condition, held: Option<&StoredRecord>) -> bool {
    match condition {
        Condition::Always => true,
        Condition::Absent => held.is_none(),
        Condition::Unchanged(revision) => held.is_some_and(|record| record.modified == revision.0),
    }
}

fn may_bind(overlay: &Overlay<'_>, held: Option<&StoredRecord>, session: &SessionId) -> bool {
    let bound = held.and_then(|record| record.session.as_ref());
    overlay.session(session).is_some() && bound.is_none_or(|bound| bound == session)
}

fn carry_out(overlay: &mut Overlay<'_>, op: &Op) {
    match op {
        Op::Check { .. } => {}
        Op::Put { key, value, session, .. } => {
            let bind = session.clone().map_or(Bind::Keep, Bind::To);
            overlay.put(key, Write { value: value.clone(), flags: 0, bind });
        }
        Op::Delete { key, .. } => overlay.delete(key),
    }
}
