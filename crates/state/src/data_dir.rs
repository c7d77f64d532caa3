//! The names of what an agent keeps in its data directory. Leaving a cluster removes the same files.

/// The endpoints of this node, a file each.
pub const ENDPOINTS: &str = "endpoints";
/// The processes of this node, a directory each.
pub const PROCESSES: &str = "processes";
/// The networks of this host's engine.
pub const ENGINE: &str = "docker.json";
/// What is remembered of the cluster.
pub const CLUSTER: &str = "cluster.json";
/// This node's identity.
pub const NODE: &str = "node.json";
/// Which cluster this host belongs to.
pub const HOME: &str = "home.json";
/// What an agent holds while it uses the directory.
pub const LOCK: &str = "lock";
