//! The two files of a memory: the base, and the log of what changed since.
//!
//! The base names its log. A new pair is made in this order: the new log, which is empty; the new base, which takes the
//! place of the old one at once; then the old log is removed. So there is one whole pair after each of these steps, the
//! old or the new. A log that no base names is left over, and is not read.

use super::{
    base,
    content::{Content, Source},
    log::Line,
};
use crate::{
    data_dir,
    journal::{JournalError, file},
};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A log may be this long, in bytes, also where its base is shorter.
pub(super) const LOG: u64 = 64 * 1024;

/// The files, as this run wrote them.
pub(super) struct Files {
    base: PathBuf,
    /// Absent before the first save: a log may only be continued by the run that began it.
    written: Option<Written>,
}

struct Written {
    log: PathBuf,
    base_bytes: u64,
    log_bytes: u64,
    /// What both say together.
    content: Content,
}

impl Files {
    /// Nothing is written yet. The base will be at `base`.
    pub(super) fn new(base: PathBuf) -> Self {
        Self { base, written: None }
    }

    /// Writes what is new in `now`, or if `anew`, or where that is too much for the log, all of it.
    pub(super) fn save(&mut self, source: &Source, now: Content, anew: bool) -> Result<(), JournalError> {
        let base = &self.base;
        if let Some(written) = self.written.as_mut().filter(|written| !anew && written.is_there(base)) {
            let room = written.base_bytes.max(LOG).saturating_sub(written.log_bytes);
            match Line::between(&written.content, &now, &source.keyspace, room) {
                Line::Same => return Ok(()),
                Line::Changes(line) => {
                    written.append(&line).map_err(JournalError::new("cannot write", &written.log))?;
                    written.content = now;
                    return Ok(());
                }
                Line::TooLong => {}
            }
        }
        self.begin(source, now)
    }

    /// Makes a new pair. Where that fails, the old one is as it was.
    fn begin(&mut self, source: &Source, content: Content) -> Result<(), JournalError> {
        // A number that no other log ever had: an old base that was brought back finds no other's log.
        let name = data_dir::cluster_log(rand::random());
        let log = self.base.with_file_name(&name);
        let mut new = OpenOptions::new();
        new.write(true)
            .create_new(true)
            .mode(0o600)
            .open(&log)
            .map_err(JournalError::new("cannot make", &log))?;
        if let Err(error) = base::write(&self.base, &name, source, &content) {
            // If it stays, it is removed when the memory is opened.
            let _ = file::remove_file(&log);
            return Err(JournalError::new("cannot write", &self.base)(error));
        }
        remove_logs(&self.base, Some(&log));
        let base_bytes = length(&self.base).unwrap_or_default();
        self.written = Some(Written { log, base_bytes, log_bytes: 0, content });
        Ok(())
    }
}

impl Written {
    /// Whether both files are as they were written.
    fn is_there(&self, base: &Path) -> bool {
        length(base) == Some(self.base_bytes) && length(&self.log) == Some(self.log_bytes)
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut log = OpenOptions::new().append(true).open(&self.log)?;
        log.write_all(line).inspect_err(|_| {
            // Half a line would hide those after it. If it stays, the log is not as it was written, and not continued.
            let _ = log.set_len(self.log_bytes);
        })?;
        self.log_bytes += line.len() as u64;
        Ok(())
    }
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}

/// Removes the logs beside `base`, but not the one that it names.
pub(super) fn remove_logs(base: &Path, named: Option<&Path>) {
    let logs = base.parent().map_or_else(|| Ok(Vec::new()), data_dir::cluster_logs);
    let removed = logs.and_then(|logs| {
        let mut others = logs.iter().filter(|log| Some(log.as_path()) != named);
        others.try_for_each(|log| file::remove_file(log))
    });
    // They say nothing; what cannot be removed now is removed later.
    if let Err(error) = removed {
        tracing::warn!(path = %base.display(), %error, "cannot remove old logs beside the memory");
    }
}
