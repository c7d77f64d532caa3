//! Small JSON files, replaced whole.

use super::JournalError;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Reads every `<name>.json` of a directory. What a crash left half-written is removed; what is not valid is set aside
/// with the ending `.unreadable`.
///
/// # Errors
/// If the directory or a file cannot be read: what cannot be read now may be read later.
pub fn read_all<T: DeserializeOwned>(directory: &Path) -> Result<Vec<(String, T)>, JournalError> {
    let mut all = Vec::new();
    let listing = fs::read_dir(directory).map_err(JournalError::new("cannot read", directory))?;
    for item in listing {
        let path = item.map_err(JournalError::new("cannot read", directory))?.path();
        if stem(&path, "tmp").is_some() {
            // It says nothing; where it cannot be removed now, it is later.
            if let Err(error) = remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove what was half-written");
            }
        }
        let Some(name) = stem(&path, "json") else { continue };
        let value = read_or_set_aside(&path).map_err(JournalError::new("cannot read", &path))?;
        all.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(all)
}

/// The file at `path`, or `None` if there is none, or it made no sense and was set aside.
///
/// # Errors
/// If it cannot be read.
pub fn read_or_set_aside<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match read_json(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            set_aside(path, &error);
            Ok(None)
        }
        read => read,
    }
}

/// The file at `path`, or `None` if there is none.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if it is not valid.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            read.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file at `path`: a reader finds the old one or the new one at any moment.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_through(path, value, |_| Ok(()))
}

/// As [`write_json`], and returns only when it would survive the machine.
pub fn write_json_durably(path: &Path, value: &impl Serialize) -> io::Result<()> {
    // Before it takes the place of the old one, which would be lost otherwise.
    write_through(path, value, File::sync_all)?;
    sync_directory(path)
}

/// Replaces the file at `path` by one with this text, which its owner alone can read, and returns only when it would
/// survive the machine.
pub fn write_text_durably(path: &Path, text: &str) -> io::Result<()> {
    // Others here may have its name with another ending.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    replace(path, Path::new(&temporary), |mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    })?;
    sync_directory(path)
}

/// Gives a file another name in its directory, and returns only when that would survive the machine.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(to)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn write_through(
    path: &Path,
    value: &impl Serialize,
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    replace(path, &path.with_extension("tmp"), |file| {
        let mut writer = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut writer, value)?;
        finish(&writer.into_inner()?)
    })
}

fn replace(path: &Path, temporary: &Path, write: impl FnOnce(File) -> io::Result<()>) -> io::Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        write(options.write(true).create(true).truncate(true).mode(0o600).open(temporary)?)?;
        fs::rename(temporary, path)
    };
    write().inspect_err(|_| {
        // A full disk has no room for it either.
        let _ = fs::remove_file(temporary);
    })
}

/// Removes a file that may be gone already.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a directory, and those above it, that only the owner can enter.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The name of a file without its ending, if that is `ending`.
pub fn stem<'p>(path: &'p Path, ending: &str) -> Option<&'p str> {
    path.extension().filter(|e| *e == ending).and_then(|_| path.file_stem()?.to_str())
}

/// Keeps a file that cannot be read for somebody to look at, out of the way.
fn set_aside(path: &Path, error: &io::Error) {
    tracing::error!(path = %path.display(), %error, "a file of the journal cannot be read; it is set aside");
    if let Err(error) = fs::rename(path, path.with_extension("unreadable")) {
        tracing::error!(path = %path.display(), %error, "nor can it be renamed");
    }
}
