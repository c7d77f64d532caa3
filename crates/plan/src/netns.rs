//! Where a kernel object lives.

use serde::{Serialize, Serializer};
use std::{fmt, path::PathBuf};
use weft_model::Vni;

/// A network namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Netns {
    /// The host's: the one the agent runs in.
    Host,
    /// A segment's: `weft-<vni>`.
    Segment(Vni),
    /// A container's, by its path.
    Container(PathBuf),
}

impl Netns {
    /// The name of a segment's namespace, as `ip netns` shows it.
    pub fn segment_name(vni: Vni) -> String {
        format!("weft-{vni}")
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Netns::Host => f.write_str("host"),
            Netns::Segment(vni) => f.write_str(&Self::segment_name(*vni)),
            Netns::Container(path) => path.display().fmt(f),
        }
    }
}

impl Serialize for Netns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
