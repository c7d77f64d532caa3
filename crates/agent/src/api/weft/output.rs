//! A process's output as one stream, though it is in two files: a full one is renamed, and a new one begun
//! (`weft_process::logs`).

use axum::body::Bytes;
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// The output, from some place on.
pub(super) struct Output {
    /// The file that is being written.
    newest: PathBuf,
    /// The files to read, in order. An open file stays readable if it is renamed or removed.
    files: VecDeque<File>,
}

impl Output {
    /// The output from its beginning. Files that do not exist are empty.
    pub(super) async fn open(files: [PathBuf; 2]) -> io::Result<Self> {
        let [older, newest] = files;
        let mut output = Self { newest, files: VecDeque::new() };
        if let Some(file) = open(&older).await? {
            output.files.push_back(file);
        }
        output.look_for_newer().await?;
        Ok(output)
    }

    /// Opens the newest file, if it is not the one at hand.
    pub(super) async fn look_for_newer(&mut self) -> io::Result<()> {
        let Some(newest) = open(&self.newest).await? else { return Ok(()) };
        if let Some(last) = self.files.back()
            && identity(last).await? == identity(&newest).await?
        {
            return Ok(());
        }
        self.files.push_back(newest);
        Ok(())
    }

    /// What comes next; empty at the end.
    pub(super) async fn read(&mut self) -> io::Result<Bytes> {
        while let Some(file) = self.files.front_mut() {
            let mut chunk = Vec::with_capacity(CHUNK);
            // The last file stays, since it may grow.
            if file.read_buf(&mut chunk).await? > 0 || self.files.len() == 1 {
                return Ok(chunk.into());
            }
            self.files.pop_front();
        }
        Ok(Bytes::new())
    }

    /// Goes to where the last `lines` lines begin.
    pub(super) async fn skip_to_tail(&mut self, lines: u64) -> io::Result<()> {
        let mut tail = Tail { breaks: lines, at_end: true };
        for at in (0..self.files.len()).rev() {
            if let Some(start) = tail.start_in(&mut self.files[at]).await? {
                self.files[at].seek(SeekFrom::Start(start)).await?;
                self.files.drain(..at);
                return Ok(());
            }
            self.files[at].rewind().await?;
        }
        Ok(())
    }
}

async fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata().await?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A search backwards for the beginning of the last lines.
struct Tail {
    /// Line breaks to find.
    breaks: u64,
    /// Whether nothing has been looked at yet: a line break there ends the last line and begins none.
    at_end: bool,
}

impl Tail {
    /// Where they begin, if it is in `file`.
    async fn start_in(&mut self, file: &mut File) -> io::Result<Option<u64>> {
        let mut position = file.seek(SeekFrom::End(0)).await?;
        if self.breaks == 0 {
            return Ok(Some(position));
        }
        while position > 0 {
            let from = position.saturating_sub(CHUNK as u64);
            file.seek(SeekFrom::Start(from)).await?;
            let mut chunk = Vec::with_capacity(CHUNK);
            file.take(position - from).read_to_end(&mut chunk).await?;
            if let Some(start) = self.start_in_chunk(&chunk) {
                return Ok(Some(from + start as u64));
            }
            position = from;
        }
        Ok(None)
    }

    fn start_in_chunk(&mut self, chunk: &[u8]) -> Option<usize> {
        for (at, byte) in chunk.iter().enumerate().rev() {
            if *byte == b'\n' && !std::mem::take(&mut self.at_end) {
                self.breaks -= 1;
                if self.breaks == 0 {
                    return Some(at + 1);
                }
            }
            self.at_end = false;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(output: &mut Output) -> String {
        let mut text = Vec::new();
        loop {
            match output.read().await.unwrap() {
                chunk if chunk.is_empty() => return String::from_utf8(text).unwrap(),
                chunk => text.extend_from_slice(&chunk),
            }
        }
    }

    async fn tail(older: &str, newest: &str, lines: u64) -> String {
        let dir = tempfile::tempdir().unwrap();
        let files = [dir.path().join("log.1"), dir.path().join("log")];
        for (path, text) in files.iter().zip([older, newest]) {
            if !text.is_empty() {
                std::fs::write(path, text).unwrap();
            }
        }
        let mut output = Output::open(files).await.unwrap();
        output.skip_to_tail(lines).await.unwrap();
        all(&mut output).await
    }

    #[tokio::test]
    async fn finds_the_last_lines() {
        assert_eq!(tail("", "a\nb\nc\n", 2).await, "b\nc\n");
        assert_eq!(tail("", "a\nb\nc", 2).await, "b\nc");
        assert_eq!(tail("", "a\nb\nc", 0).await, "");
        assert_eq!(tail("", "a\nb\n", 9).await, "a\nb\n");
        assert_eq!(tail("", "", 3).await, "");
        assert_eq!(tail("", "\n\n\n", 1).await, "\n");
        assert_eq!(tail("", "a", u64::MAX).await, "a");
    }

    #[tokio::test]
    async fn finds_them_over_both_files() {
        assert_eq!(tail("a\nb\n", "c\nd\n", 1).await, "d\n");
        assert_eq!(tail("a\nb\n", "c\nd\n", 3).await, "b\nc\nd\n");
        assert_eq!(tail("a\nb", "b\nc\n", 2).await, "bb\nc\n");
        assert_eq!(tail("a\nb\n", "", 1).await, "b\n");
        assert_eq!(tail("a\n", "b\n", 9).await, "a\nb\n");
    }

    #[tokio::test]
    async fn finds_them_over_several_chunks() {
        let text = format!("first\n{}\nlast\n", "x".repeat(CHUNK * 2));
        assert_eq!(tail("", &text, 1).await, "last\n");
        assert_eq!(tail("", &text, 2).await.len(), CHUNK * 2 + 6);
        assert_eq!(tail("", &text, 3).await, text);
    }

    #[tokio::test]
    async fn follows_into_the_next_file() {
        let dir = tempfile::tempdir().unwrap();
        let [older, newest] = [dir.path().join("log.1"), dir.path().join("log")];
        let mut output = Output::open([older.clone(), newest.clone()]).await.unwrap();
        assert_eq!(all(&mut output).await, "");
        std::fs::write(&newest, "one\n").unwrap();
        output.look_for_newer().await.unwrap();
        assert_eq!(all(&mut output).await, "one\n");
        std::fs::write(&newest, "one\ntwo\n").unwrap();
        std::fs::rename(&newest, &older).unwrap();
        std::fs::write(&newest, "three\n").unwrap();
        output.look_for_newer().await.unwrap();
        output.look_for_newer().await.unwrap();
        assert_eq!(all(&mut output).await, "two\nthree\n");
    }
}
