//! What keeps this node out of the cluster.

use std::fmt;

/// Why this node is not in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outside {
    /// The store cannot be reached, which the task that follows it reports, too; why, as it was last heard here.
    StoreAway(String),
    /// It has not tried yet.
    JustStarted,
    /// Anything else; why.
    Kept(String),
}

impl Outside {
    /// The same, said of a node whose store is known to be out of reach: why that is so is not said twice.
    pub(crate) fn beside(&self, store_away: bool) -> String {
        match self {
            Self::StoreAway(_) | Self::JustStarted if store_away => {
                "not in the cluster: the store is out of reach".to_owned()
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JustStarted => f.write_str("not in the cluster yet: its agent has just started"),
            Self::StoreAway(why) | Self::Kept(why) => write!(f, "not in the cluster: {why}"),
        }
    }
}
