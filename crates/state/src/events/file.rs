//! The file of events: a line of JSON each, the last ones in one file and those before in another.
//!
//! A line is written at once. What a crash leaves of one is followed by the end of a line when the file is written again, and
//! whoever reads passes over what is no event.

use crate::data_dir::{EVENTS, OLDER_EVENTS};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use weft_model::Event;

/// How many bytes a file has at most: the older one is given up when the other is full.
const LIMIT: u64 = 4 << 20;
/// The longest line that is read, in bytes. None that is written is nearly as long.
pub const LONGEST: usize = 64 << 10;

/// Where events are written.
#[derive(Debug)]
pub struct EventFile {
    directory: PathBuf,
    limit: u64,
    /// Nothing where it could not be opened.
    file: Option<File>,
    /// Of the file, in bytes.
    size: u64,
    /// Whether the file may end within a line.
    torn: bool,
}

/// Events that were written before now, oldest first.
#[derive(Debug)]
pub struct Reading(Vec<BufReader<Take<File>>>);

impl EventFile {
    /// In this directory, which exists.
    pub fn of(data_dir: &Path) -> Self {
        Self::with_limit(data_dir, LIMIT)
    }

    pub(super) fn with_limit(data_dir: &Path, limit: u64) -> Self {
        Self { directory: data_dir.to_owned(), limit, file: None, size: 0, torn: false }
    }

    /// Adds events.
    ///
    /// # Errors
    /// If they cannot be written. The next ones may be.
    pub fn append(&mut self, events: &[Event]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            let start = lines.len();
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
            if lines.len() - start > LONGEST {
                lines.truncate(start);
            }
        }
        self.write(&lines).inspect_err(|_| self.file = None)
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        if self.size > 0 && self.size + lines.len() as u64 > self.limit {
            let [older, newest] = self.paths();
            self.file = None;
            fs::rename(newest, older)?;
            self.open()?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        if std::mem::take(&mut self.torn) {
            file.write_all(b"\n")?;
            self.size += 1;
        }
        self.torn = true;
        file.write_all(lines)?;
        self.torn = false;
        self.size += lines.len() as u64;
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        let [_, newest] = self.paths();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(newest)?;
        self.size = file.seek(SeekFrom::End(0))?;
        self.torn = false;
        if self.size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            self.torn = last != *b"\n";
        }
        self.file = Some(file);
        Ok(())
    }

    /// What is there by now. What is added later is not read.
    pub fn read(&self) -> Reading {
        let files = self.paths().into_iter().filter_map(|path| File::open(path).ok());
        // Files that somebody else made are not read for ever.
        let limited = files.filter_map(|file| {
            let length = file.metadata().ok()?.len().min(2 * self.limit);
            Some(BufReader::new(file.take(length)))
        });
        Reading(limited.collect())
    }

    /// The older file, and the one that is written.
    fn paths(&self) -> [PathBuf; 2] {
        [OLDER_EVENTS, EVENTS].map(|name| self.directory.join(name))
    }
}

impl Iterator for Reading {
    type Item = Event;

    /// The next event; what is none is passed over.
    fn next(&mut self) -> Option<Event> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let file = self.0.first_mut()?;
            match next_line(file, &mut line) {
                Ok(true) => {
                    if let Some(event) = parse(&line) {
                        return Some(event);
                    }
                }
                Ok(false) | Err(_) => drop(self.0.remove(0)),
            }
        }
    }
}

/// Reads a line, with its end if it has one; of one that is too long, nothing. Whether there was one.
fn next_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut too_long = false;
    loop {
        line.clear();
        let read = file.by_ref().take(LONGEST as u64).read_until(b'\n', line)?;
        if read == LONGEST && !line.ends_with(b"\n") {
            too_long = true;
            continue;
        }
        if too_long {
            line.clear();
        }
        return Ok(too_long || read > 0);
    }
}

/// Reads a line. Nothing if it is no whole event.
pub fn parse(line: &[u8]) -> Option<Event> {
    let whole = line.strip_suffix(b"\n")?;
    if whole.len() > LONGEST { None } else { serde_json::from_slice(whole).ok() }
}

#[cfg(test)]
mod tests;
