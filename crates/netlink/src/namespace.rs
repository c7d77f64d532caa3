//! Network namespaces: named ones as `ip netns` makes them, and work inside any of them.
//!
//! A thread enters a namespace and is thrown away; a thread of the runtime never does. What it opens inside,
//! a socket say, stays in that namespace whichever thread uses it later.

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, UnmountFlags},
    thread::{LinkNameSpaceType, UnshareFlags},
};
use std::{
    ffi::OsString,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where `ip netns` keeps the names (`NETNS_RUN_DIR`, iproute2 `include/namespace.h`).
pub const NAMED: &str = "/run/netns";

/// How long work inside a namespace may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// `NSFS_MAGIC`, `include/uapi/linux/magic.h`.
const NSFS_MAGIC: u64 = 0x6e73_6673;

/// Why a network namespace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// It is not there, or cannot be reached.
    #[error("cannot {doing} network namespace {}", path.display())]
    Io {
        /// "open", "create" …
        doing: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel makes no more of them.
    #[error(
        "cannot create network namespace {}: there are as many as there may be; raise the limit \
         (`sysctl user.max_net_namespaces`)", .0.display()
    )]
    TooMany(PathBuf),
    /// A file that is something else, or the empty file that a crash left.
    #[error("{} is not a network namespace", .0.display())]
    NotANamespace(PathBuf),
    /// The work did not end in time.
    #[error("work in network namespace {} did not end within {DEADLINE:?}", .0.display())]
    Timeout(PathBuf),
    /// The thread could not be started, or died.
    #[error("a thread for network namespace {} failed", path.display())]
    Thread {
        /// The namespace.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl NamespaceError {
    /// Whether there is no such namespace, or no longer.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::NotANamespace(_) => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// An open network namespace. It keeps the namespace alive: do not keep it.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    path: PathBuf,
}

impl Namespace {
    /// Opens the namespace at `path`.
    ///
    /// # Errors
    /// When there is none: see [`NamespaceError::is_gone`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, NamespaceError> {
        let path = path.into();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open(&path, flags, Mode::empty()).map_err(|e| failed("open", &path, e))?;
        let stat = rustix::fs::fstatfs(&fd).map_err(|e| failed("open", &path, e))?;
        if u64::try_from(stat.f_type) != Ok(NSFS_MAGIC) {
            return Err(NamespaceError::NotANamespace(path));
        }
        Ok(Self { fd, path })
    }

    /// The namespace of the calling thread.
    ///
    /// # Errors
    /// When `/proc` is not there.
    pub fn current() -> Result<Self, NamespaceError> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// What tells it from every other namespace there is at the moment: its inode number, as in
    /// `net:[4026531840]`.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn inode(&self) -> Result<u64, NamespaceError> {
        let stat = rustix::fs::fstat(&self.fd).map_err(|e| failed("read", &self.path, e))?;
        Ok(stat.st_ino)
    }

    /// As [`inode`](Self::inode), of the namespace at `path`. It takes no file descriptor.
    ///
    /// # Errors
    /// When there is none: see [`NamespaceError::is_gone`].
    pub fn inode_at(path: &Path) -> Result<u64, NamespaceError> {
        let kind = rustix::fs::statfs(path).map_err(|e| failed("find", path, e))?.f_type;
        if u64::try_from(kind) != Ok(NSFS_MAGIC) {
            return Err(NamespaceError::NotANamespace(path.to_owned()));
        }
        Ok(rustix::fs::stat(path).map_err(|e| failed("find", path, e))?.st_ino)
    }

    /// Moves the calling thread into it. For threads that are thrown away.
    ///
    /// # Errors
    /// When it is not a network namespace, or this process may not.
    pub fn enter(&self) -> Result<(), NamespaceError> {
        rustix::thread::move_into_link_name_space(self.fd.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| failed("enter", &self.path, e))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn failed(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> NamespaceError {
    NamespaceError::Io { doing, path: path.to_owned(), source: source.into() }
}

/// Runs `work` in the network namespace at `path`, on a thread of its own.
///
/// # Errors
/// When the namespace cannot be entered, or the work does not end within 5 s; it goes on then, unheard.
pub async fn in_namespace<T, F>(path: impl Into<PathBuf>, work: F) -> Result<T, NamespaceError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let path = path.into();
    let (tell, hear) = tokio::sync::oneshot::channel();
    let target = path.clone();
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || {
            let result = Namespace::open(target).and_then(|namespace| namespace.enter()).map(|()| work());
            // Nobody listens after the deadline.
            let _ = tell.send(result);
        })
        .map_err(|source| NamespaceError::Thread { path: path.clone(), source })?;
    match tokio::time::timeout(DEADLINE, hear).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            let source = io::Error::other("the thread panicked");
            Err(NamespaceError::Thread { path, source })
        }
        Err(_) => Err(NamespaceError::Timeout(path)),
    }
}

/// What is under a name in [`NAMED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Nothing.
    Absent,
    /// A network namespace.
    Namespace,
    /// An empty file: a crash came between its creation and the namespace's, or the namespace was unmounted.
    Leftover,
}

/// The path of the namespace called `name`.
pub fn named_path(name: &str) -> PathBuf {
    Path::new(NAMED).join(name)
}

/// The names in [`NAMED`]; none if there is no such directory.
///
/// # Errors
/// When it cannot be read.
pub fn names() -> Result<Vec<OsString>, NamespaceError> {
    let directory = Path::new(NAMED);
    match fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()
            .map_err(|e| failed("list", directory, e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(failed("list", directory, e)),
    }
}

/// Says what is under `name`.
///
/// # Errors
/// When it cannot be looked at.
pub fn named(name: &str) -> Result<Named, NamespaceError> {
    match Namespace::open(named_path(name)) {
        Ok(_) => Ok(Named::Namespace),
        Err(NamespaceError::NotANamespace(_)) => Ok(Named::Leftover),
        Err(e) if e.is_gone() => Ok(Named::Absent),
        Err(e) => Err(e),
    }
}

/// Makes a namespace called `name`, which `ip netns` shows, and runs `prepare` in it before it has its name: a process
/// that sees the name sees what `prepare` did. Moves the calling thread into it.
///
/// # Errors
/// When the name is taken, or `prepare` fails; nothing is left behind then but perhaps an empty file.
pub fn create_named<E: From<NamespaceError>>(
    name: &str,
    prepare: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    share_directory()?;
    let path = named_path(name);
    match named(name)? {
        Named::Namespace => return Err(failed("create", &path, Errno::EXIST).into()),
        Named::Leftover => {}
        Named::Absent => {
            fs::File::create_new(&path).map_err(|e| failed("create", &path, e))?;
        }
    }
    // SAFETY: without CLONE_FILES the descriptor table stays shared; nothing else is asked of the caller.
    #[allow(unsafe_code)]
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.map_err(|e| match e {
        // No disk is meant (user_namespaces(7), and `copy_net_ns`, net/core/net_namespace.c).
        Errno::NOSPC => NamespaceError::TooMany(path.clone()),
        e => failed("create", &path, e),
    })?;
    prepare()?;
    rustix::mount::mount_bind("/proc/thread-self/ns/net", &path).map_err(|e| failed("name", &path, e))?;
    Ok(())
}

/// Removes a named namespace, or what is left of one. One that is not there is no error.
///
/// # Errors
/// When it cannot be unmounted or unlinked.
pub fn delete_named(name: &str) -> Result<(), NamespaceError> {
    let path = named_path(name);
    match rustix::mount::unmount(&path, UnmountFlags::DETACH) {
        // EINVAL: not a mount, so just a file.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
        Err(e) => return Err(failed("unmount", &path, e)),
    }
    match fs::remove_file(&path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed("delete", &path, e)),
    }
}

/// Makes [`NAMED`] a shared mount, as iproute2 does (`netns_add`, `ip/ipnetns.c`): names made here appear in
/// mount namespaces made before, and go from those made later.
fn share_directory() -> Result<(), NamespaceError> {
    let directory = Path::new(NAMED);
    let failed = |e: Errno| failed("share the directory of", directory, e);
    fs::create_dir_all(directory).map_err(|e| self::failed("create the directory of", directory, e))?;
    let share =
        || rustix::mount::mount_change(directory, MountPropagationFlags::SHARED | MountPropagationFlags::REC);
    match share() {
        Ok(()) => Ok(()),
        // EINVAL: not a mount point yet.
        Err(Errno::INVAL) => {
            rustix::mount::mount(directory, directory, "none", MountFlags::BIND | MountFlags::REC, None)
                .map_err(failed)?;
            share().map_err(failed)
        }
        Err(e) => Err(failed(e)),
    }
}
