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
