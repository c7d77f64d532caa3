//! Small JSON files, replaced whole.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// The file at `path`, or `None` if there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file at `path`: whoever reads it, at any moment, finds the old one or the new one.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_through(path, value).map(drop)
}

/// As [`write_json`], and returns only when it would survive the machine.
pub(crate) fn write_json_durably(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_through(path, value)?.sync_all()?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn write_through(path: &Path, value: &impl Serialize) -> io::Result<File> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    fs::rename(&temporary, path)?;
    Ok(file)
}

/// Removes a file that may be gone already.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a directory, and those above it, that only the owner can enter.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The name of a file without its ending, if that is `ending`.
pub(crate) fn stem<'p>(path: &'p Path, ending: &str) -> Option<&'p str> {
    path.extension().filter(|e| *e == ending).and_then(|_| path.file_stem()?.to_str())
}

/// Keeps a file that cannot be read for somebody to look at, out of the way.
pub(crate) fn set_aside(path: &Path, error: &io::Error) {
    tracing::error!(path = %path.display(), %error, "a file of the journal cannot be read; it is set aside");
    if let Err(error) = fs::rename(path, path.with_extension("unreadable")) {
        tracing::error!(path = %path.display(), %error, "nor can it be renamed");
    }
}
