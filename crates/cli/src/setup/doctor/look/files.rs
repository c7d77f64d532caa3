//! Files, directories and the room for them.

use crate::{
    agent::CONFIG_FILE,
    setup::doctor::facts::{DataDir, Found, KnownFile, Room},
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use weft_agent::config::NODE_FILE;

/// The configuration file, if it is there, and those with secrets.
pub(super) fn known(secrets: &[PathBuf]) -> Vec<KnownFile> {
    let config = found(Path::new(CONFIG_FILE));
    let config =
        config.map(|found| KnownFile { path: CONFIG_FILE.into(), secret: false, found: Some(found) });
    let secret = |path: &PathBuf| KnownFile { path: path.clone(), secret: true, found: found(path) };
    config.into_iter().chain(secrets.iter().map(secret)).collect()
}

pub(super) fn data_dir(path: PathBuf) -> DataDir {
    let used = path.join(NODE_FILE).exists();
    DataDir { found: found(&path), room: room(&path), used, path }
}

fn found(path: &Path) -> Option<Found> {
    let metadata = fs::metadata(path).ok()?;
    Some(Found { owner: metadata.uid(), mode: metadata.mode() & 0o7777 })
}

/// Where the directory is, or would be.
fn room(path: &Path) -> Option<Room> {
    let found = path.ancestors().find_map(|path| rustix::fs::statvfs(path).ok())?;
    Some(Room {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        // Some file systems make room for files as they come, and say 0 of 0.
        files: (found.f_files > 0).then_some(found.f_favail),
    })
}
