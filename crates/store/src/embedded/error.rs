//! Why the file of a store cannot be used.

use std::{fs, io, path::Path, path::PathBuf};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or the file cannot be made, read or written.
    #[error("cannot open the store in {path}: {source}; {}", advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error(
        "the store in {path} is in use{}; only one process can open it: stop that one, or point this one at \
         another file, or serve the store from there (`--store-serve`) and use it from here as `consul://…`",
        holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// By which process, if that can be seen.
        holder: Option<String>,
    },
    /// The file is no such store, or damaged.
    #[error(
        "{path} is not a store of weft, or damaged ({reason}); move it away to start with an empty one, or \
         put a copy back"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn in_use(path: &Path) -> Self {
        Self::InUse { path: path.to_owned(), holder: holder(path) }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "run weft as the user who owns it",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space there",
        io::ErrorKind::ReadOnlyFilesystem => "choose another --data-dir, or mount it writable",
        _ => "check that the directory exists and can be written",
    }
}

/// The first process found that has `path` open: "process 4711 (weft)". Locks that belong to open files
/// rather than processes show no owner in /proc/locks, but /proc/PID/fd shows who has the file open.
fn holder(path: &Path) -> Option<String> {
    let path = fs::canonicalize(path).ok()?;
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let mut open = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        open.find(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == path))?;
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        Some(format!("process {pid} ({})", name.trim()))
    })
}
