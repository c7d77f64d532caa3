//! A node's disk.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};
use tempfile::TempDir;
use weft_state::data_dir::cluster_logs;

/// Where a file is written before it takes its place: in the way of that, nothing can be written.
const IN_THE_WAY: [&str; 2] = ["node.tmp", "cluster.tmp"];

/// A data directory that can be read, and as long as the disk is full not written to.
pub(crate) struct Disk {
    directory: TempDir,
    full: AtomicBool,
}

impl Disk {
    pub(crate) fn new() -> Self {
        // Where there is one in memory: nothing has to survive this machine.
        let shared_memory = Path::new("/dev/shm");
        let directory = match shared_memory.is_dir() {
            true => tempfile::tempdir_in(shared_memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        Self { directory, full: AtomicBool::new(false) }
    }

    /// What is on it, on another.
    pub(crate) fn copied(&self) -> Self {
        let copy = Self::new();
        self.while_readable(|| copy_all(self.path(), copy.path()));
        copy
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes every attempt to write fail, or none. Root may write where nobody may, so it is done with things that are
    /// in the way: a file where the directory of the endpoints should be, and directories where files should. The log of
    /// the memory is put aside, so that nothing can be added to it.
    pub(crate) fn set_full(&self, full: bool) {
        if self.full.swap(full, Ordering::Relaxed) == full {
            return;
        }
        let (endpoints, kept) = (self.at("endpoints"), self.at("endpoints.kept"));
        if full {
            fs::create_dir_all(&endpoints).unwrap();
            fs::rename(&endpoints, kept).unwrap();
            fs::write(endpoints, "").unwrap();
            IN_THE_WAY.iter().for_each(|name| fs::create_dir(self.at(name)).unwrap());
            for log in cluster_logs(self.path()).unwrap() {
                fs::rename(&log, log.with_extension("log.kept")).unwrap();
            }
        } else {
            fs::remove_file(&endpoints).unwrap();
            fs::rename(kept, endpoints).unwrap();
            IN_THE_WAY.iter().for_each(|name| fs::remove_dir(self.at(name)).unwrap());
            for item in fs::read_dir(self.path()).unwrap() {
                let kept = item.unwrap().path();
                if kept.to_str().unwrap().ends_with(".log.kept") {
                    fs::rename(&kept, kept.with_extension("")).unwrap();
                }
            }
        }
    }

    /// Does something for which it must be possible to open the directory, as it is where the disk is full.
    pub(crate) fn while_readable<T>(&self, work: impl FnOnce() -> T) -> T {
        let full = self.full.load(Ordering::Relaxed);
        self.set_full(false);
        let result = work();
        self.set_full(full);
        result
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

fn copy_all(from: &Path, to: &Path) {
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let to = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy_all(&item.path(), &to);
        } else {
            fs::copy(item.path(), to).unwrap();
        }
    }
}
