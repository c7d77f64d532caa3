//! The names of what an agent keeps in its data directory. Leaving a cluster removes the same files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The endpoints of this node, a file each.
pub const ENDPOINTS: &str = "endpoints";
/// The processes of this node, a directory each.
pub const PROCESSES: &str = "processes";
/// The networks of this host's engine.
pub const ENGINE: &str = "docker.json";
/// What is remembered of the cluster. What changed since is in one of the [`cluster_logs`], which it names.
pub const CLUSTER: &str = "cluster.json";
/// What happened lately, a line each.
pub const EVENTS: &str = "events.jsonl";
/// What happened before that.
pub const OLDER_EVENTS: &str = "events.1.jsonl";
/// This node's identity.
pub const NODE: &str = "node.json";
/// Which cluster this host belongs to.
pub const HOME: &str = "home.json";
/// The keys and certificates by which the node and its peers know each other.
pub const CREDENTIALS: &str = "credentials";
/// What an agent holds while it uses the directory.
pub const LOCK: &str = "lock";

/// The name of the log with this number, of what changed since [`CLUSTER`] was written.
pub(crate) fn cluster_log(number: u64) -> String {
    format!("cluster-{number:016x}.log")
}

/// Whether a file of this name is such a log. One in another directory is none.
pub(crate) fn is_cluster_log(name: &str) -> bool {
    let number = name.strip_prefix("cluster-").and_then(|rest| rest.strip_suffix(".log"));
    number.is_some_and(|number| {
        (1..=16).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The logs of what changed since [`CLUSTER`] was written. There is one, or what a crash left besides.
///
/// # Errors
/// If the directory cannot be read. One that is not there has none.
pub fn cluster_logs(data_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut logs = Vec::new();
    for item in listing {
        let item = item?;
        if item.file_name().to_str().is_some_and(is_cluster_log) {
            logs.push(item.path());
        }
    }
    Ok(logs)
}
