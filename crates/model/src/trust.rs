//! Whose word a node takes for where the others are.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose word a node takes for where the others are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The store's: whoever can write there can say it.
    #[default]
    Store,
    /// That of each node alone, signed by it ([`SignedStatement`](crate::SignedStatement)).
    Signed,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Store => "store",
            Self::Signed => "signed",
        })
    }
}
