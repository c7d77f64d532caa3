//! The three files of a user, as Docker's clients look for them.

use anyhow::{Context, bail};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};
use tar::{Builder, Header};
use weft_agent::users::Bundle;

/// The files, with their modes: the key last, so that it is never there without the others.
fn files(bundle: &Bundle) -> [(&'static str, u32, &str); 3] {
    [
        ("ca.pem", 0o644, &bundle.authority),
        ("cert.pem", 0o644, &bundle.certificate),
        ("key.pem", 0o600, &bundle.key),
    ]
}

/// An archive (tar) of them.
///
/// # Errors
/// None but the library's.
pub(super) fn archive(bundle: &Bundle) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    let made = u64::try_from(bundle.user.made.as_second()).unwrap_or_default();
    for (name, mode, text) in files(bundle) {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(mode);
        header.set_mtime(made);
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    archive.into_inner()
}

/// Makes the directory, for its owner alone, if it is not there, and finds out whether the files can be written: nothing
/// that is there is overwritten.
///
/// # Errors
/// If they cannot.
pub(super) fn try_directory(directory: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    if let Some(there) = ["ca.pem", "cert.pem", "key.pem"].iter().find(|name| directory.join(name).exists()) {
        bail!("{} is there already: give another --directory, or remove it", directory.join(there).display());
    }
    Ok(())
}

/// Writes them there.
///
/// # Errors
/// If one cannot be written.
pub(super) fn write(directory: &Path, bundle: &Bundle) -> anyhow::Result<()> {
    for (name, mode, text) in files(bundle) {
        let path = directory.join(name);
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("cannot write {}", directory.display()))
}
