//! The process's output, kept within bounds.

use crate::files::{LOG, OLD_LOG};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The size at which a log replaces the older one, in bytes.
const LIMIT: u64 = 10 << 20;

/// The most a pipe holds (`/proc/sys/fs/pipe-max-size` by default), in bytes.
const PIPE: usize = 1 << 20;

/// The way from the command's standard output and error to the log files, and to who else wants it.
///
/// It goes through the shim, so that a chatty process cannot fill the disk. If writing fails, the output is
/// lost: a full disk must not stop a service.
pub(super) struct Log {
    source: Option<File>,
    /// Whether the source is a terminal. That has no end: a command that has closed it may open it again.
    is_terminal: bool,
    /// Whether nobody has the terminal open now.
    hung_up: bool,
    dir: PathBuf,
    file: Option<File>,
    size: u64,
    limit: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// A log in `dir` of what comes out of `source`, a pipe or a terminal that does not make its reader wait.
    pub(super) fn new(dir: &Path, source: File, is_terminal: bool) -> Self {
        Self {
            source: Some(source),
            is_terminal,
            hung_up: false,
            dir: dir.to_owned(),
            file: None,
            size: 0,
            limit: LIMIT,
            buffer: vec![0; 64 << 10],
        }
    }

    /// What to wait on; `None` while nobody can write.
    pub(super) fn source(&self) -> Option<&File> {
        self.source.as_ref().filter(|_| !self.hung_up)
    }

    /// Whether there may be output again that nothing tells of.
    pub(super) fn hung_up(&self) -> bool {
        self.hung_up
    }

    /// Takes some of what is there, without waiting.
    pub(super) fn take(&mut self) -> &[u8] {
        let Some(source) = &mut self.source else { return &[] };
        let count = match source.read(&mut self.buffer) {
            Ok(count) if count > 0 => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                self.hung_up = false;
                return &[];
            }
            // A terminal that nobody has open cannot be read (EIO: tty_hung_up_p, drivers/tty/n_tty.c).
            _ => {
                self.hung_up = self.is_terminal;
                if !self.is_terminal {
                    self.source = None;
                }
                return &[];
            }
        };
        self.hung_up = false;
        self.append(count);
        &self.buffer[..count]
    }

    /// Takes what the dead have left behind. Bounded, should somebody else hold the pipe and go on writing.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        let mut taken = 0;
        while taken < PIPE {
            match self.take() {
                [] => return,
                bytes => {
                    taken += bytes.len();
                    each(bytes);
                }
            }
        }
    }

    fn append(&mut self, count: usize) {
        if self.size + count as u64 > self.limit && self.size > 0 {
            self.file = None;
            let _ = fs::rename(self.dir.join(LOG), self.dir.join(OLD_LOG));
        }
        if self.file.is_none() {
            let path = self.dir.join(LOG);
            self.file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok();
            self.size = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |file| file.len());
        }
        if let Some(file) = &mut self.file
            && file.write_all(&self.buffer[..count]).is_ok()
        {
            self.size += count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{self, PipeWriter},
        os::fd::OwnedFd,
    };

    fn log(dir: &Path) -> (Log, PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        let reader = OwnedFd::from(reader);
        rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::NONBLOCK).unwrap();
        (Log::new(dir, reader.into(), false), writer)
    }

    #[test]
    fn a_full_log_replaces_the_older() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, mut writer) = log(dir.path());
        log.limit = 10;
        for text in ["first..", "second.", "third.."] {
            writer.write_all(text.as_bytes()).unwrap();
            assert_eq!(log.take(), text.as_bytes());
        }
        assert_eq!(fs::read_to_string(dir.path().join(OLD_LOG)).unwrap(), "second.");
        assert_eq!(fs::read_to_string(dir.path().join(LOG)).unwrap(), "third..");
    }

    #[test]
    fn waits_for_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, mut writer) = log(dir.path());
        log.drain(|_| ());
        assert!(log.source().is_some(), "somebody may still write");
        writer.write_all(b"last").unwrap();
        drop(writer);
        let mut said = Vec::new();
        log.drain(|bytes| said.extend_from_slice(bytes));
        assert!(log.source().is_none());
        assert_eq!(said, b"last");
    }
}
