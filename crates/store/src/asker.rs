//! Who asks a store that checks who writes what.

use std::sync::Arc;
use weft_trust::{Subject, WriteRules};

/// How a served store begins to say that a member may not do something.
pub(crate) const NOT_YOURS: &str = "who writes what:";

/// A member of the cluster, and what it may write.
#[derive(Debug, Clone)]
pub struct Asker {
    subject: Subject,
    rules: Arc<WriteRules>,
}

impl Asker {
    /// That member, held to these rules.
    pub fn new(subject: Subject, rules: Arc<WriteRules>) -> Self {
        Self { subject, rules }
    }

    /// Who it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) fn rules(&self) -> &WriteRules {
        &self.rules
    }

    pub(crate) fn shared_rules(&self) -> Arc<WriteRules> {
        Arc::clone(&self.rules)
    }
}
