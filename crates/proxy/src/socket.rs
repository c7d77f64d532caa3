//! The socket: open to the users that may use the engine's.

use super::{Proxy, connection::converse};
use rustix::{
    fs::{Gid, Mode, Uid, chmod, chown},
    io::Errno,
    process::{Resource, getrlimit},
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use weft_http::{BindError, Inherited, ServerSocket, Terms};

/// Only root, until the engine's socket has been seen.
const TERMS: Terms = Terms { group: None, instead: "give another --docker-proxy" };

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 4096;

/// Of how many file descriptors of the agent's there may be one connection: it takes four at most, and half of all
/// are for something else.
const DESCRIPTORS_EACH: u64 = 8;

/// How long requests may take to end when the agent stops.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How often to look at the owner and mode of the engine's socket: an engine that starts makes a new one.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The widest mode, even if the engine's is wider.
const WIDEST: u32 = 0o660;

/// Listens on `path`, on the socket that is `inherited` if it is there.
///
/// # Errors
/// [`BindError`]. A program that listens on `path` already is not disturbed.
pub fn bind(path: &Path, inherited: &Inherited) -> Result<ServerSocket, BindError> {
    weft_http::open(path, TERMS, inherited)
}

/// Answers on `listener`, whose socket is `path`, until `shutdown`, and then what has begun.
pub async fn serve(path: PathBuf, socket: ServerSocket, proxy: Proxy, shutdown: CancellationToken) {
    let (proxy, removal) = (Arc::new(proxy), socket.removal());
    let admit = async {
        shutdown.run_until_cancelled(keep_admitting(&path, proxy.engine.socket())).await;
        // While it is still ours.
        removal.carry_out();
    };
    let converse = |stream, slot| converse(stream, slot, Arc::clone(&proxy), shutdown.clone());
    let answer = weft_http::each_connection(socket, connections_at_once(), END_WITHIN, &shutdown, converse);
    tokio::join!(admit, answer);
}

fn connections_at_once() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(descriptors / DESCRIPTORS_EACH).unwrap_or(MAX_CONNECTIONS).clamp(1, MAX_CONNECTIONS)
}

/// The users that a socket admits: owner, group, and mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Access {
    owner: u32,
    group: u32,
    mode: u32,
}

impl Access {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { owner: found.uid(), group: found.gid(), mode: found.mode() & 0o777 })
    }

    /// Makes it that of `path`. It is nobody's meanwhile.
    fn set(self, path: &Path) -> Result<(), Errno> {
        chmod(path, Mode::empty())?;
        chown(path, Some(Uid::from_raw(self.owner)), Some(Gid::from_raw(self.group)))?;
        chmod(path, Mode::from_raw_mode(self.mode))
    }
}

async fn keep_admitting(path: &Path, engine: &Path) {
    loop {
        admit(path, engine);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Admits to `path` the users that `engine` admits. Changes nothing while `engine` is not there.
fn admit(path: &Path, engine: &Path) {
    let Some(mut wanted) = Access::of(engine) else { return };
    wanted.mode &= WIDEST;
    if Access::of(path) == Some(wanted) {
        return;
    }
    if let Err(error) = wanted.set(path) {
        tracing::warn!(%error, path = %path.display(), "cannot admit to the socket whom the engine admits");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(dir: &Path, name: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn whom_the_engine_admits_is_admitted_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let ours = file(dir.path(), "ours", 0o660);
        let mode = || fs::metadata(&ours).unwrap().mode() & 0o7777;
        admit(&ours, &dir.path().join("engine"));
        assert_eq!(mode(), 0o660, "nothing changes while the engine is away");
        for (engine, expected) in [(0o600, 0o600), (0o660, 0o660), (0o666, 0o660), (0o777, 0o660)] {
            admit(&ours, &file(dir.path(), "engine", engine));
            assert_eq!(mode(), expected, "{engine:o}");
        }
        if rustix::process::geteuid().is_root() {
            let engine = file(dir.path(), "engine", 0o660);
            chown(&engine, Some(Uid::from_raw(7)), Some(Gid::from_raw(8))).unwrap();
            admit(&ours, &engine);
            assert_eq!(Access::of(&ours), Some(Access { owner: 7, group: 8, mode: 0o660 }));
        }
    }
}
