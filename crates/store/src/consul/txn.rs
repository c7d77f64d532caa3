//! The trait's transactions as Consul's.

use super::wire::{KvOp, TxnError, TxnOp};
use crate::{Condition, Op, Revision, SessionId};
use base64::{Engine, prelude::BASE64_STANDARD};

/// One transaction for Consul, and which operation of ours each of its operations stands for.
#[derive(Debug, Default)]
pub(super) struct TxnPlan<'a> {
    pub(super) ops: Vec<TxnOp<'a>>,
    origins: Vec<&'a str>,
}

/// What the errors of a transaction come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TxnFailure {
    /// Conditions did not hold.
    Conflict(Vec<String>),
    /// Consul forbids it, in its words.
    Refused(String),
    /// Consul's errors are not valid.
    Malformed(String),
}

impl<'a> TxnPlan<'a> {
    pub(super) fn new(ops: &'a [Op]) -> Self {
        let mut plan = Self::default();
        for op in ops {
            match op {
                Op::Check { key, condition } => plan.check(key, *condition),
                Op::Put { key, value, condition, session: None } => plan.set(key, value, *condition),
                Op::Put { key, value, condition, session: Some(session) } => {
                    plan.check(key, *condition);
                    plan.lock(key, value, session);
                }
                Op::Delete { key, condition } => plan.delete(key, *condition),
            }
        }
        plan
    }

    fn add(&mut self, verb: &'static str, key: &'a str, index: Option<u64>) -> &mut KvOp<'a> {
        self.origins.push(key);
        let kv = KvOp { verb, key, value: None, index, session: None };
        let last = self.ops.len();
        self.ops.push(TxnOp { kv });
        &mut self.ops[last].kv
    }

    fn check(&mut self, key: &'a str, condition: Condition) {
        match condition {
            Condition::Always => {}
            Condition::Absent => drop(self.add("check-not-exists", key, None)),
            Condition::Unchanged(Revision(index)) => drop(self.add("check-index", key, Some(index))),
        }
    }

    /// `set` and `cas` leave the key with the session it has (`agent/consul/state/kvs.go`, `kvsSetTxn`).
    fn set(&mut self, key: &'a str, value: &[u8], condition: Condition) {
        let op = match condition {
            Condition::Always => self.add("set", key, None),
            // To `cas`, 0 means that there must be no such key.
            Condition::Absent => self.add("cas", key, Some(0)),
            Condition::Unchanged(Revision(0)) => self.add("check-index", key, Some(0)),
            Condition::Unchanged(Revision(index)) => self.add("cas", key, Some(index)),
        };
        op.value = Some(BASE64_STANDARD.encode(value));
    }

    /// `lock` fails if another session has the key, and if there is no such session.
    fn lock(&mut self, key: &'a str, value: &[u8], session: &'a SessionId) {
        let op = self.add("lock", key, None);
        op.value = Some(BASE64_STANDARD.encode(value));
        op.session = Some(&session.0);
    }

    /// `delete-cas` will not do: it succeeds on a key that is gone (`agent/consul/state/kvs.go`,
    /// `kvsDeleteCASTxn`).
    fn delete(&mut self, key: &'a str, condition: Condition) {
        self.check(key, condition);
        if condition != Condition::Absent {
            self.add("delete", key, None);
        }
    }

    /// Reads the errors of a transaction that was not carried out.
    pub(super) fn failure(&self, errors: &[TxnError]) -> TxnFailure {
        if errors.is_empty() {
            return TxnFailure::Malformed("a transaction failed without an error".into());
        }
        if let Some(error) = errors.iter().find(|error| is_refusal(&error.what)) {
            return TxnFailure::Refused(error.what.clone());
        }
        let mut keys: Vec<String> = Vec::new();
        for error in errors {
            let Some(key) = self.origins.get(error.op_index) else {
                return TxnFailure::Malformed(format!(
                    "operation {} of a transaction failed",
                    error.op_index
                ));
            };
            if keys.last().is_none_or(|last| last != key) {
                keys.push((*key).to_owned());
            }
        }
        TxnFailure::Conflict(keys)
    }
}

/// Whether an operation failed for other reasons than its condition. Consul has no codes for them
/// (`agent/consul/txn_endpoint.go`, `preCheck`).
fn is_refusal(what: &str) -> bool {
    ["Permission denied", "ACL not found", "Must provide key", "unknown KV verb", "lock-delay"]
        .iter()
        .any(|refusal| what.contains(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Txn;

    fn error(op_index: usize, what: &str) -> TxnError {
        TxnError { op_index, what: what.into() }
    }

    #[test]
    fn each_operation_has_its_verb() {
        let session = SessionId("s".into());
        let at = Condition::Unchanged(Revision(5));
        let txn = Txn::new()
            .check("a", Condition::Absent)
            .check("b", at)
            .put("c", "", Condition::Always)
            .put("d", "", Condition::Absent)
            .put("e", "", at)
            .put_bound("f", "", at, session)
            .delete("g", Condition::Always)
            .delete("h", at)
            .delete("i", Condition::Absent);
        let plan = TxnPlan::new(&txn.ops);
        let verbs: Vec<_> = plan.ops.iter().map(|op| (op.kv.verb, op.kv.key, op.kv.index)).collect();
        let wanted = [
            ("check-not-exists", "a", None),
            ("check-index", "b", Some(5)),
            ("set", "c", None),
            ("cas", "d", Some(0)),
            ("cas", "e", Some(5)),
            ("check-index", "f", Some(5)),
            ("lock", "f", None),
            ("delete", "g", None),
            ("check-index", "h", Some(5)),
            ("delete", "h", None),
            ("check-not-exists", "i", None),
        ];
        assert_eq!(verbs, wanted);
        let failure = plan.failure(&[error(3, "stale"), error(5, "stale"), error(6, "locked")]);
        assert_eq!(failure, TxnFailure::Conflict(vec!["d".into(), "f".into()]));
    }

    #[test]
    fn a_condition_that_never_holds_is_still_sent() {
        let never = Condition::Unchanged(Revision(0));
        let txn = Txn::new().put("a", "", never).delete("b", never);
        let plan = TxnPlan::new(&txn.ops);
        let verbs: Vec<_> = plan.ops.iter().map(|op| op.kv.verb).collect();
        assert_eq!(verbs, ["check-index", "check-index", "delete"]);
    }

    #[test]
    fn what_is_forbidden_is_no_conflict() {
        let txn = Txn::new().put("a", "", Condition::Always);
        let plan = TxnPlan::new(&txn.ops);
        assert!(matches!(plan.failure(&[error(0, "Permission denied")]), TxnFailure::Refused(_)));
        assert!(matches!(plan.failure(&[error(7, "stale")]), TxnFailure::Malformed(_)));
        assert!(matches!(plan.failure(&[]), TxnFailure::Malformed(_)));
    }
}
