//! The trait's transactions as etcd's.

use super::wire::{Bytes, Compare, Int, RequestOp, TxnRequest};
use crate::{Condition, Entry, Op, Revision, SessionId};
use std::collections::BTreeMap;

/// What is known of the keys that a transaction failed on.
pub(super) type Known = BTreeMap<String, Entry>;

/// Writes `ops` for etcd.
///
/// etcd cannot ask for "unbound or bound to this session" in one condition, so `known` decides which of the
/// two is asked for; whoever guessed wrong reads the answer and tries again. When a condition does not hold,
/// the answer has all keys of the transaction, in its order.
pub(super) fn request(ops: &[Op], known: &Known) -> TxnRequest {
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
                request.success.push(RequestOp::RequestDeleteRange { key: Bytes::of(key) });
            }
        }
        request.failure.push(RequestOp::RequestRange { key: Bytes::of(key) });
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
    RequestOp::RequestPut { key: Bytes::of(key), value: Bytes::of(value), lease, ignore_lease }
}

/// A write that leaves the key bound as it is. etcd refuses `ignore_lease` for a key that does not exist.
fn put_keeping_lease(key: &str, value: &[u8], condition: Condition) -> RequestOp {
    let (fresh, again) = (put(key, value, Int(0), false), put(key, value, Int(0), true));
    match condition {
        Condition::Absent => fresh,
        Condition::Unchanged(_) => again,
        Condition::Always => {
            let absent = modified(key, Revision(0));
            RequestOp::RequestTxn(TxnRequest {
                compare: vec![absent],
                success: vec![fresh],
                failure: vec![again],
            })
        }
    }
}

/// The keys whose conditions do not hold, by what the store said of them. None: the guess was wrong.
pub(super) fn conflicts(ops: &[Op], known: &Known) -> Vec<String> {
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

/// The keys that `ops` bind to sessions; all of them if `ended` is none, else those bound to these.
pub(super) fn bound_keys(ops: &[Op], ended: impl Fn(&SessionId) -> bool) -> Vec<String> {
    let bound = |op: &&Op| matches!(op, Op::Put { session: Some(session), .. } if ended(session));
    ops.iter().filter(bound).map(|op| op.key().to_owned()).collect()
}
