//! What is known of the paths to the other hosts.

use std::collections::BTreeMap;
use weft_model::NodeId;
use weft_path::Path;

/// The paths, as they were measured last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KnownPaths {
    /// Those to nodes that are up and answer.
    pub(crate) paths: BTreeMap<NodeId, Path>,
    /// Why none can be measured.
    pub(crate) trouble: Option<String>,
}

impl KnownPaths {
    /// Whether the same gets through on the same paths, however long it takes.
    pub(crate) fn carry_as(&self, other: &Self) -> bool {
        let what = |(id, path): (&NodeId, &Path)| (*id, path.reach, path.sends, path.receives, path.full);
        self.paths.iter().map(what).eq(other.paths.iter().map(what))
    }
}
