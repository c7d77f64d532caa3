//! A compressed archive of texts.

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use std::{fs::File, io};
use tar::{Builder, Header};

/// Writes `files`, in a directory called `directory`. What is unpacked is for its owner's eyes, too.
pub(super) fn write(file: File, directory: &str, files: &[(&str, String)]) -> io::Result<()> {
    let mut archive = Builder::new(GzEncoder::new(file, Compression::default()));
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    for (name, text) in files {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(now);
        archive.append_data(&mut header, format!("{directory}/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn what_is_written_can_be_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let files = [("a.txt", "one".to_owned()), ("b.json", "{}".repeat(100_000))];
        write(file.reopen().unwrap(), "bundle", &files).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(file.reopen().unwrap()));
        let read: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                assert_eq!(entry.header().mode().unwrap(), 0o600);
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (entry.path().unwrap().display().to_string(), text)
            })
            .collect();
        assert_eq!(read[0], ("bundle/a.txt".to_owned(), "one".to_owned()));
        assert_eq!((read[1].0.as_str(), read[1].1.len()), ("bundle/b.json", 200_000));
    }
}
