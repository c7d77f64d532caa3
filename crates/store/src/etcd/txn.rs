//! The trait's transactions as etcd's.

use super::wire::{Bytes, Compare, Int, RequestOp, TxnRequest};
use crate::{Condition, Op, Revision, SessionId, StoreEntry};
use std::collections::BTreeMap;

/// What is known of the keys that a transaction failed on.
pub(super) type FailedOn = BTreeMap<String, StoreEntry>;

/// Writes `ops` for etcd.
///
/// etcd cannot ask for "unbound or bound to this session" in one condition, so `known` decides which of the two is
/// asked for. A caller that guessed wrong reads the answer and tries again. When a condition does not hold, the answer
/// has all keys of the transaction, in its order.
pub(super) fn request(ops: &[Op], known: &FailedOn) -> TxnRequest {
    let mut request = TxnRequest::default();
    for op in ops {
        let key = op.key();
        match op.condition() {
            Condition::Always => {}
            Condition::Absent => request.compare.push(modified(key, Revision(0))),
            Condition::Unchanged(revision) => {
                if revision == Revision(0) {
                    // Here 0 would mean that there is no such key; but it has to exist.
                    request.compare.push(Compare { result: "GREATER", ..modified(key, revision) });
                }
                request.compare.push(modified(key, revision));
            }
        }
        match op {
            Op::Check { .. } | Op::Delete { condition: Condition::Absent, .. } => {}
            Op::Put { value, condition, session: None, .. } => {
                request.success.push(put_keeping_lease(key, value, *condition));
            }
            Op::Put { value, condition, session: Some(session), .. } => {
                let lease = Int::from_session(session).unwrap_or_default();
                if *condition != Condition::Absent {
                    let bound = known.get(key).is_some_and(|entry| entry.session.is_some());
                    request.compare.push(leased(key, if bound { lease } else { Int(0) }));
                }
                request.success.push(put(key, value, lease, false));
            }
            Op::Delete { .. } => {
                request.success.push(RequestOp::DeleteRange { key: Bytes::of(key) });
            }
        }
        request.failure.push(RequestOp::Range { key: Bytes::of(key) });
    }
    request
}

fn modified(key: &str, revision: Revision) -> Compare {
    let mod_revision = Some(Int::from_revision(revision));
    Compare { key: Bytes::of(key), result: "EQUAL", target: "MOD", mod_revision, lease: None }
}

/// A key that does not exist has lease 0, like one that is not bound (`mvcc/apply`, `compareKV`).
fn leased(key: &str, lease: Int) -> Compare {
    let lease = Some(lease);
    Compare { key: Bytes::of(key), result: "EQUAL", target: "LEASE", mod_revision: None, lease }
}

fn put(key: &str, value: &[u8], lease: Int, ignore_lease: bool) -> RequestOp {
    RequestOp::Put { key: Bytes::of(key), value: Bytes::of(value), lease, ignore_lease }
}

/// A write that leaves the key bound as it is. etcd refuses `ignore_lease` for a key that does not exist.
fn put_keeping_lease(key: &str, value: &[u8], condition: Condition) -> RequestOp {
    let (fresh, again) = (put(key, value, Int(0), false), put(key, value, Int(0), true));
    match condition {
        Condition::Absent => fresh,
        Condition::Unchanged(_) => again,
        Condition::Always => {
            let absent = modified(key, Revision(0));
            RequestOp::Txn(TxnRequest { compare: vec![absent], success: vec![fresh], failure: vec![again] })
        }
    }
}

/// The keys whose conditions do not hold, according to the store's answer. None: the guess was wrong.
pub(super) fn conflicts(ops: &[Op], known: &FailedOn) -> Vec<String> {
    let conflicting = |op: &&Op| {
        let held = known.get(op.key());
        let holds = match op.condition() {
            Condition::Always => true,
            Condition::Absent => held.is_none(),
            Condition::Unchanged(revision) => held.is_some_and(|entry| entry.modified == revision),
        };
        let bound = held.and_then(|entry| entry.session.as_ref());
        let free = match op {
            Op::Put { session: Some(session), .. } => bound.is_none_or(|bound| bound == session),
            _ => true,
        };
        !holds || !free
    };
    ops.iter().filter(conflicting).map(|op| op.key().to_owned()).collect()
}

/// The keys that `ops` bind to sessions which `ended` says have ended.
pub(super) fn bound_keys(ops: &[Op], ended: impl Fn(&SessionId) -> bool) -> Vec<String> {
    let bound = |op: &&Op| matches!(op, Op::Put { session: Some(session), .. } if ended(session));
    ops.iter().filter(bound).map(|op| op.key().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Txn;

    const AT: Condition = Condition::Unchanged(Revision(5));

    fn entry(key: &str, modified: u64, session: Option<&str>) -> StoreEntry {
        let session = session.map(|session| SessionId(session.into()));
        StoreEntry { key: key.into(), value: Vec::new(), modified: Revision(modified), session }
    }

    fn known(entries: impl IntoIterator<Item = StoreEntry>) -> FailedOn {
        entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect()
    }

    #[test]
    fn a_binding_asks_for_what_is_known() {
        let txn = Txn::new().put_bound("a", "", AT, SessionId("7".into()));
        let lease_asked = |known: &FailedOn| {
            let request = request(&txn.ops, known);
            request.compare.iter().find_map(|compare| compare.lease)
        };
        assert_eq!(lease_asked(&FailedOn::new()), Some(Int(0)));
        assert_eq!(lease_asked(&known([entry("a", 5, None)])), Some(Int(0)));
        assert_eq!(lease_asked(&known([entry("a", 5, Some("7"))])), Some(Int(7)));
    }

    #[test]
    fn a_new_key_is_free_without_asking() {
        let txn = Txn::new().put_bound("a", "", Condition::Absent, SessionId("7".into()));
        let request = request(&txn.ops, &FailedOn::new());
        assert_eq!(request.compare, [modified("a", Revision(0))]);
    }

    #[test]
    fn conflicts_are_told_from_wrong_guesses() {
        let txn = Txn::new()
            .check("gone", AT)
            .put("there", "", Condition::Absent)
            .put_bound("ours", "", AT, SessionId("7".into()))
            .put_bound("theirs", "", AT, SessionId("7".into()))
            .delete("same", AT);
        let known = known([
            entry("there", 5, None),
            entry("ours", 5, Some("7")),
            entry("theirs", 5, Some("8")),
            entry("same", 5, None),
        ]);
        assert_eq!(conflicts(&txn.ops, &known), ["gone", "there", "theirs"]);
    }
}
