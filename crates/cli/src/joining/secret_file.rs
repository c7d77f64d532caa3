//! The file with the token of the store, beside the configuration file.

use super::file::replace;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Where it is for this configuration file.
pub(super) fn beside(config: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(config.with_file_name("store-token"));
    path.context("cannot tell where the store's token is to be kept")
}

/// Writes the token that the store wants, for its owner alone to read.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write(path: &Path, token: &str) -> anyhow::Result<()> {
    replace(path, 0o600, &format!("{token}\n"))
}
