//! What is in files that may be replaced while it is in use: tokens, passwords, certificates.
//!
//! Read when needed, once a second at most. A file that is being written is left alone until it stops changing; one
//! that is not valid changes nothing. Kubernetes swaps a link to the directory: what counts is the file that the link
//! leads to.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// How often to look, and how long a file must have rested.
const PERIOD: Duration = Duration::from_secs(1);

/// What a file is known by: device, inode, size, and when it was written.
type Stamp = Vec<Option<(u64, u64, u64, i64, i64)>>;
/// Reads it anew, or says why it cannot be.
type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;

/// Something that was read from files.
pub(crate) struct Followed<T> {
    files: Vec<PathBuf>,
    read: Option<Read<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    /// What it was before, and until when.
    before: Option<(Arc<T>, Instant)>,
    stamp: Stamp,
    looked: Instant,
    complaint: Option<String>,
}

impl<T> Followed<T> {
    /// Something that does not change.
    pub(crate) fn fixed(value: T) -> Self {
        Self::new(value, (Vec::new(), None), Vec::new())
    }

    /// What `read` makes of `files`.
    ///
    /// # Errors
    /// What it says the first time.
    pub(crate) fn files<E: std::error::Error>(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Before: what is written meanwhile is read again.
        let stamp = stamp(&files);
        let value = read()?;
        let again = move || read().map_err(|error| chain(&error));
        Ok(Self::new(value, (files, Some(Box::new(again))), stamp))
    }

    fn new(value: T, (files, read): (Vec<PathBuf>, Option<Read<T>>), stamp: Stamp) -> Self {
        let state =
            State { value: Arc::new(value), before: None, stamp, looked: Instant::now(), complaint: None };
        Self { files, read, state: Mutex::new(state) }
    }

    /// What is in the files now, or was when they last made sense.
    pub(crate) fn get(&self) -> Arc<T> {
        let mut state = self.lock();
        if let Some(read) = &self.read
            && state.looked.elapsed() >= PERIOD
        {
            state.looked = Instant::now();
            self.look(&mut state, read);
        }
        Arc::clone(&state.value)
    }

    /// Makes of the files anew what is made of them, though they have not changed.
    pub(crate) fn renew(&self) {
        let mut state = self.lock();
        if let Some(read) = &self.read {
            match read() {
                Ok(value) => state.value = Arc::new(value),
                // The next change of the files is taken up as ever.
                Err(why) => tracing::debug!(why, "cannot be read anew; going on with what was read before"),
            }
        }
    }

    /// What was in them before, within `grace`.
    pub(crate) fn before(&self, grace: Duration) -> Option<Arc<T>> {
        let state = self.lock();
        state.before.as_ref().filter(|(_, since)| since.elapsed() < grace).map(|(value, _)| Arc::clone(value))
    }

    fn look(&self, state: &mut State<T>, read: &Read<T>) {
        let now = stamp(&self.files);
        if now == state.stamp || is_being_written(&now) {
            return;
        }
        let files = self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        match read() {
            Ok(value) => {
                tracing::info!(files, "changed, and taken up");
                let before = std::mem::replace(&mut state.value, Arc::new(value));
                state.before = Some((before, Instant::now()));
                (state.stamp, state.complaint) = (now, None);
            }
            Err(why) => {
                if state.complaint.as_ref() != Some(&why) {
                    tracing::warn!(
                        files,
                        why,
                        "changed, and cannot be used; going on with what was read before"
                    );
                    state.complaint = Some(why);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Each change of it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Followed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed").field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let one = |file: &PathBuf| {
        let of = fs::metadata(file).ok()?;
        Some((of.dev(), of.ino(), of.size(), of.mtime(), of.mtime_nsec()))
    };
    files.iter().map(one).collect()
}

/// Whether one of the files was written just now. A time to come says nothing.
fn is_being_written(stamp: &Stamp) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = |seconds: i64, nanoseconds: i64| {
        Some(Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?))
    };
    let rests = |&(_, _, _, seconds, nanoseconds): &(u64, u64, u64, i64, i64)| {
        at(seconds, nanoseconds).is_none_or(|at| at > now || now - at >= PERIOD)
    };
    !stamp.iter().flatten().all(rests)
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::symlink, path::Path, thread::sleep};

    fn number(path: &Path) -> Followed<u32> {
        let file = path.to_owned();
        let read = move || fs::read_to_string(&file).unwrap_or_default().trim().parse::<u32>();
        Followed::files(vec![path.to_owned()], read).unwrap()
    }

    fn becomes(followed: &Followed<u32>, wanted: u32) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while *followed.get() != wanted {
            assert!(Instant::now() < deadline, "it is {}, not {wanted}", followed.get());
            sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn what_is_replaced_is_taken_up_and_what_makes_no_sense_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        fs::write(&path, "1").unwrap();
        let followed = number(&path);
        assert_eq!((*followed.get(), followed.before(PERIOD)), (1, None));
        fs::write(&path, "").unwrap();
        let began = Instant::now();
        while began.elapsed() < PERIOD * 3 {
            assert_eq!(*followed.get(), 1);
        }
        fs::write(&path, "23").unwrap();
        becomes(&followed, 23);
        assert_eq!(followed.before(PERIOD).as_deref(), Some(&1));
        fs::remove_file(&path).unwrap();
        assert_eq!(*followed.get(), 23);
        // As Kubernetes does it: the file is a link through a link to a directory.
        for (name, value) in [("a", "4"), ("b", "5")] {
            fs::create_dir(directory.path().join(name)).unwrap();
            fs::write(directory.path().join(name).join("number"), value).unwrap();
        }
        let data = directory.path().join("data");
        symlink("a", &data).unwrap();
        symlink("data/number", &path).unwrap();
        becomes(&followed, 4);
        symlink("b", directory.path().join("next")).unwrap();
        fs::rename(directory.path().join("next"), &data).unwrap();
        becomes(&followed, 5);
    }
}
