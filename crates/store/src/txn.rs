//! Several changes at once, under conditions.

use crate::{Revision, SessionId};

/// The most operations a transaction can have on every store: Consul's limit (`maxTxnOps`,
/// `agent/txn_endpoint.go`); etcd's is 128. A deletion under [`Condition::Unchanged`], and a write that is
/// bound to a session under any condition, count twice, since Consul has no one operation for them.
pub const MAX_OPS: usize = 64;

/// When an operation may be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// If the key does not exist.
    Absent,
    /// If the key exists and last changed at this revision. Writing the value that is there already is a
    /// change in some stores and none in others.
    Unchanged(Revision),
}

impl Condition {
    /// That the key is as the caller saw it: it was `modified` last then, or was not there.
    pub fn as_seen(modified: Option<Revision>) -> Self {
        modified.map_or(Self::Absent, Self::Unchanged)
    }
}

/// One operation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Changes nothing; the condition has to hold.
    Check {
        /// The key.
        key: String,
        /// [`Condition::Always`] is useless here, and holds.
        condition: Condition,
    },
    /// Writes a value.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Vec<u8>,
        /// When.
        condition: Condition,
        /// Deletes the key when this session ends. The session must be open, and the key unbound or bound
        /// to the same session; otherwise the key counts as a conflict. Without one, the key keeps the
        /// session it is bound to.
        session: Option<SessionId>,
    },
    /// Deletes a key. One that does not exist is no conflict under [`Condition::Always`].
    Delete {
        /// The key.
        key: String,
        /// When. [`Condition::Absent`] is useless here: the operation then changes nothing.
        condition: Condition,
    },
}

/// Operations that are carried out all together or not at all. No key appears twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    /// In order; at most [`MAX_OPS`], as [`Op::weight`] counts them.
    pub ops: Vec<Op>,
}

impl Txn {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it counts towards [`MAX_OPS`].
    pub fn weight(&self) -> usize {
        self.ops.iter().map(Op::weight).sum()
    }

    /// As few transactions as possible that do what `parts` do, each with `start` before them. A part is not divided;
    /// what several of them check is checked once. What one of them writes, no other mentions.
    pub fn bundles(start: &Self, parts: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut bundles: Vec<Self> = Vec::new();
        for part in parts {
            match bundles.last_mut() {
                Some(last) if last.weight() + part.weight() <= MAX_OPS => last.append(part),
                _ => {
                    let mut bundle = start.clone();
                    bundle.append(part);
                    bundles.push(bundle);
                }
            }
        }
        bundles
    }

    fn append(&mut self, part: Self) {
        for op in part.ops {
            if !self.ops.iter().any(|own| own.key() == op.key()) {
                self.ops.push(op);
            }
        }
    }

    /// Adds a condition on a key that the transaction does not change.
    pub fn check(mut self, key: impl Into<String>, condition: Condition) -> Self {
        self.ops.push(Op::Check { key: key.into(), condition });
        self
    }

    /// Adds a write.
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>, condition: Condition) -> Self {
        self.ops.push(Op::Put { key: key.into(), value: value.into(), condition, session: None });
        self
    }

    /// Adds a write of a key that is deleted when `session` ends.
    pub fn put_bound(
        mut self,
        key: impl Into<String>,
        value: impl Into<Vec<u8>>,
        condition: Condition,
        session: SessionId,
    ) -> Self {
        let session = Some(session);
        self.ops.push(Op::Put { key: key.into(), value: value.into(), condition, session });
        self
    }

    /// Adds a deletion.
    pub fn delete(mut self, key: impl Into<String>, condition: Condition) -> Self {
        self.ops.push(Op::Delete { key: key.into(), condition });
        self
    }
}

impl Op {
    /// The key it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Check { key, .. } | Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// What it counts towards [`MAX_OPS`].
    pub fn weight(&self) -> usize {
        match self {
            Self::Delete { condition: Condition::Unchanged(_), .. } => 2,
            Self::Put { session: Some(_), condition, .. } if *condition != Condition::Always => 2,
            _ => 1,
        }
    }

    /// When it may be carried out.
    pub fn condition(&self) -> Condition {
        match self {
            Self::Check { condition, .. } | Self::Put { condition, .. } | Self::Delete { condition, .. } => {
                *condition
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_room_for_what_it_has() {
        let start = Txn::new().check("start", Condition::Absent);
        let part = |n: usize| {
            let txn = Txn::new().check("common", Condition::Absent);
            (0..7).fold(txn, |txn, m| txn.put(format!("{n}/{m}"), "", Condition::Absent))
        };
        let bundles = Txn::bundles(&start, (0..20).map(part));
        assert!(bundles.iter().all(|bundle| bundle.weight() <= MAX_OPS), "{bundles:?}");
        let count = |of: &str| bundles.iter().flat_map(|b| &b.ops).filter(|op| op.key() == of).count();
        assert_eq!((count("start"), count("common")), (bundles.len(), bundles.len()));
        assert!((0..20).all(|n| (0..7).all(|m| count(&format!("{n}/{m}")) == 1)));
        assert_eq!(bundles.len(), 3);
        assert!(Txn::bundles(&start, []).is_empty());
    }
}
