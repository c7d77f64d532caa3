//! The process's output, kept within bounds.

use crate::files::{LOG, OLD_LOG};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, PipeReader, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The size at which a log replaces the older one, in bytes.
const LIMIT: u64 = 10 << 20;

/// The most a pipe holds (`/proc/sys/fs/pipe-max-size` by default), in bytes.
const PIPE: usize = 1 << 20;

/// The way from the command's standard output and error to the log files.
///
/// It goes through the shim, so that a chatty process cannot fill the disk. If writing fails, the output is
/// lost: a full disk must not stop a service.
pub(super) struct Log {
    pipe: Option<PipeReader>,
    dir: PathBuf,
    file: Option<File>,
    size: u64,
    limit: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// A log in `dir` of what comes out of `pipe`.
    pub(super) fn new(dir: &Path, pipe: PipeReader) -> io::Result<Self> {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
        let flags = fcntl_getfl(&pipe)?;
        fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?;
        Ok(Self {
            pipe: Some(pipe),
            dir: dir.to_owned(),
            file: None,
            size: 0,
            limit: LIMIT,
            buffer: vec![0; 64 << 10],
        })
    }

    /// What to wait on; `None` once nobody can write any more.
    pub(super) fn pipe(&self) -> Option<&PipeReader> {
        self.pipe.as_ref()
    }

    /// Takes some of what is there, without waiting; says how much.
    pub(super) fn take(&mut self) -> usize {
        let Some(pipe) = &mut self.pipe else { return 0 };
        match pipe.read(&mut self.buffer) {
            Ok(count) if count > 0 => {
                self.append(count);
                return count;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            _ => self.pipe = None,
        }
        0
    }

    /// Takes what the dead have left behind. Bounded, should somebody else hold the pipe and go on writing.
    pub(super) fn drain(&mut self) {
        let mut taken = 0;
        while taken < PIPE {
            match self.take() {
                0 => return,
                count => taken += count,
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

    #[test]
    fn a_full_log_replaces_the_older() {
        let dir = tempfile::tempdir().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut log = Log::new(dir.path(), reader).unwrap();
        log.limit = 10;
        for text in ["first..", "second.", "third.."] {
            writer.write_all(text.as_bytes()).unwrap();
            assert_eq!(log.take(), text.len());
        }
        assert_eq!(fs::read_to_string(dir.path().join(OLD_LOG)).unwrap(), "second.");
        assert_eq!(fs::read_to_string(dir.path().join(LOG)).unwrap(), "third..");
    }

    #[test]
    fn waits_for_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let mut log = Log::new(dir.path(), reader).unwrap();
        log.drain();
        assert!(log.pipe().is_some(), "somebody may still write");
        drop(writer);
        log.drain();
        assert!(log.pipe().is_none());
    }
}
