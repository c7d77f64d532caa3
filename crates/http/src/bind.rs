//! Taking a socket's place: one agent listens on it.

use crate::{Inherited, ServerSocket};
use rustix::{
    fs::{FlockOperation, Gid, Mode},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};
use tokio::net::UnixListener;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// The units of the packages, which start a stopped agent again when a client connects.
const SOCKET_UNITS: &str = "weft.socket weft-plugin.socket";

/// On which terms to listen.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The group whose members may connect besides root, if there is such a group.
    pub group: Option<&'static str>,
    /// What to do where the socket cannot be had.
    pub instead: &'static str,
}

/// Why there is nothing to listen on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another agent runs.
    #[error(
        "another agent listens on {path}, or systemd does for one: stop it (`systemctl stop weft.service {}`), or \
         {instead}",
        SOCKET_UNITS
    )]
    Taken {
        /// The socket.
        path: PathBuf,
        /// What else to do.
        instead: &'static str,
    },
    /// Something that is not a socket is there.
    #[error("{path} exists and is not a socket: remove it, or {instead}")]
    NotASocket {
        /// The file.
        path: PathBuf,
        /// What else to do.
        instead: &'static str,
    },
    /// A step failed.
    #[error("cannot listen on {path}: {doing}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// The step.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Takes the socket at `path` that systemd handed over, or makes it.
///
/// # Errors
/// [`BindError`]. A program that listens on `path` already is not disturbed.
pub fn open(path: &Path, terms: Terms, inherited: &Inherited) -> Result<ServerSocket, BindError> {
    let failed = |source| BindError::Io { path: path.to_owned(), doing: "taking it from systemd", source };
    match inherited.claim(path).map_err(failed)? {
        Some(socket) => Ok(socket),
        None => Ok(ServerSocket::made(bind(path, terms)?, path)),
    }
}

/// Listens on `path`, mode 0660: makes the directory it is in, and replaces a socket that nobody listens on any more. A
/// client that finds the new socket there can connect at once.
///
/// # Errors
/// [`BindError`]. A program that listens on `path` already is not disturbed.
fn bind(path: &Path, terms: Terms) -> Result<UnixListener, BindError> {
    let io_failed = |doing| move |source| BindError::Io { path: path.to_owned(), doing, source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(io_failed("making its directory"))?;
    // Two agents that start at once must not each take the other's new socket for a stale one.
    let _lock = lock(path).map_err(io_failed("locking it; is another agent starting?"))?;
    refuse_if_taken(path, terms)?;
    let new = beside(path, ".new");
    let listening = listen(&new, terms.group).and_then(|socket| {
        rustix::fs::rename(&new, path).map_err(|error| ("putting it in its place", error))?;
        Ok(socket)
    });
    let socket = listening.map_err(|(doing, errno)| {
        // One that was not made is not there either.
        let _ = std::fs::remove_file(&new);
        io_failed(doing)(errno.into())
    })?;
    UnixListener::from_std(socket.into()).map_err(io_failed("registering with the event loop"))
}

fn listen(path: &Path, group: Option<&str>) -> Result<OwnedFd, (&'static str, Errno)> {
    let failed = |doing| move |errno| (doing, errno);
    // What an agent left that died right here.
    let _ = std::fs::remove_file(path);
    let address = SocketAddrUnix::new(path).map_err(failed("its path is too long"))?;
    let socket = stream_socket().map_err(failed("making a socket"))?;
    rustix::net::bind(&socket, &address).map_err(failed("binding"))?;
    // Between bind and listen nobody can connect: there is no moment at which everybody may.
    restrict(path, group).map_err(failed("setting its owner and mode"))?;
    rustix::net::listen(&socket, BACKLOG).map_err(failed("listening"))?;
    Ok(socket)
}

/// Takes away what agents leave at `path`: a socket that nobody listens on, and what is beside it.
pub fn clear(path: &Path) {
    let is_dead = matches!(connect(path), Err(Errno::CONNREFUSED));
    let beside = [".new", ".lock"].map(|ending| beside(path, ending));
    for path in is_dead.then(|| path.to_owned()).into_iter().chain(beside) {
        // It is not there, or is found the next time.
        let _ = std::fs::remove_file(path);
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Held until it is dropped. Only root can open the file: anybody can lock a directory that they can read.
fn lock(path: &Path) -> io::Result<File> {
    let path = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

fn refuse_if_taken(path: &Path, Terms { instead, .. }: Terms) -> Result<(), BindError> {
    let failed = |doing| move |source| BindError::Io { path: path.to_owned(), doing, source };
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("looking whether it exists")(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_owned(), instead });
        }
        Ok(_) => {}
    }
    match connect(path) {
        // What a dead agent left.
        Err(Errno::CONNREFUSED) => Ok(()),
        // An agent that is too busy to accept is one, too: connecting would wait for it (unix(7)).
        Ok(()) | Err(Errno::AGAIN) => Err(BindError::Taken { path: path.to_owned(), instead }),
        Err(error) => Err(failed("asking whether an agent listens on it")(error.into())),
    }
}

fn connect(path: &Path) -> Result<(), Errno> {
    let socket = stream_socket()?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
}

fn stream_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

fn restrict(path: &Path, group: Option<&str>) -> Result<(), Errno> {
    rustix::fs::chmod(path, Mode::from_raw_mode(0o660))?;
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    match group.and_then(|group| group_id(&groups, group)) {
        Some(id) => rustix::fs::chown(path, None, Some(Gid::from_raw(id))),
        None => Ok(()),
    }
}

/// Finds a group in `/etc/group` (group(5)). A static binary cannot ask the name service switch.
fn group_id(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn bind(path: &Path) -> Result<UnixListener, BindError> {
        super::bind(path, Terms { group: None, instead: "give another" })
    }

    #[tokio::test]
    async fn takes_the_place_of_a_dead_agent_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/weft.sock");
        let first = bind(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
        let error = bind(&path).unwrap_err();
        assert!(matches!(error, BindError::Taken { .. }), "{error}");
        drop(first);
        assert!(path.exists());
        let _second = bind(&path).unwrap();
        connect(&path).unwrap();
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 2, "the socket and its lock: {left:?}");
    }

    #[tokio::test]
    async fn an_agent_that_is_too_busy_to_accept_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weft.sock");
        let busy = stream_socket().unwrap();
        rustix::net::bind(&busy, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&busy, 0).unwrap();
        let waiting = stream_socket().unwrap();
        rustix::net::connect(&waiting, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        assert_eq!(connect(&path), Err(Errno::AGAIN));
        assert!(matches!(bind(&path), Err(BindError::Taken { .. })));
    }

    #[tokio::test]
    async fn leaves_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(bind(&path), Err(BindError::NotASocket { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn a_path_that_does_not_fit_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(bind(&dir.path().join("x".repeat(200))).is_err());
    }

    #[test]
    fn finds_a_group() {
        let groups = "root:x:0:\nweftx:x:7:\nweft:x:998:alice,bob\nbroken\n";
        assert_eq!(group_id(groups, "weft"), Some(998));
        assert_eq!(group_id(groups, "nobody"), None);
        assert_eq!(group_id("weft:x:many:", "weft"), None);
    }
}
