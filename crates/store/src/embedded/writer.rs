//! The thread that writes.

use super::{
    OpenError, Shared,
    file::{self, SaveError},
};
use crate::state::{Changes, Overlay};
use redb::Database;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, RwLock, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};

/// The most changes that go into one commit, so that the first does not wait for ever more.
const MAX_BATCH: usize = 512;
/// How many changes may wait for the disk. The agents that one store serves have one or two each.
const MAX_WAITING: usize = 1024;
/// How long the writer sleeps when no session ends before.
const IDLE: Duration = Duration::from_secs(3600);

/// How long the writer leaves a disk alone that failed, unless a caller wants to change something.
const RETRY: Duration = Duration::from_secs(1);

/// Why a change was not made, or not for certain.
#[derive(Debug, Clone)]
pub(super) enum WriteFailure {
    /// Not made.
    NotWritten(NotWritten),
    /// Not made: too many wait already.
    Busy,
    /// The disk failed while it was being made.
    Unsure,
}

/// Why a change could not be written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot write {path}: {reason}; free some space there, or check the disk")]
pub(super) struct NotWritten {
    path: PathBuf,
    reason: String,
}

/// Tells its caller what became of a change.
type Answer = Box<dyn FnOnce(Result<(), WriteFailure>) + Send>;
/// Overlays a change, unless its caller has stopped waiting for it.
type Job = Box<dyn FnOnce(&mut Overlay<'_>) -> Option<Answer> + Send>;

/// The writer's thread, which ends, and closes the file, when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the file in `path` and starts the thread.
    pub(super) fn start(path: &Path) -> Result<(Self, Arc<Shared>), OpenError> {
        let (jobs, waiting) = mpsc::sync_channel(MAX_WAITING);
        let (opened, result) = mpsc::sync_channel(1);
        let owned = path.to_owned();
        let run = move || match Thread::open(owned, waiting) {
            Ok(thread) => {
                let _ = opened.send(Ok(Arc::clone(&thread.shared)));
                thread.run();
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new().name("weft-store".into()).spawn(run);
        let thread = thread.map_err(|error| OpenError::io(path, error))?;
        // A file that makes redb panic ends the thread without a word.
        let panicked = || OpenError::damaged(path, "reading it ended in a panic");
        let shared = result.recv().unwrap_or_else(|_| Err(panicked()))?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread) }, shared))
    }

    /// Has `work` overlay changes; its result comes when they are on the disk. If the receiver is dropped before the
    /// thread comes to it, the change is left out.
    ///
    /// # Errors
    /// [`WriteFailure::Busy`], and nothing is changed.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Overlay<'_>) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, WriteFailure>>, WriteFailure> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |overlay| {
            if done.is_closed() {
                return None;
            }
            let result = work(overlay);
            // A caller that has stopped waiting needs no answer.
            Some(Box::new(move |saved| drop(done.send(saved.map(|()| result)))))
        });
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Err(mpsc::TrySendError::Full(_))) => Err(WriteFailure::Busy),
            // Without a thread the job is dropped, and the answer with it, which the caller notices.
            _ => Ok(answer),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Waits for the last commit; the file can be opened again after this.
            let _ = thread.join();
        }
    }
}

struct Thread {
    path: PathBuf,
    /// Absent after an error of the disk, after which redb has to read the file anew.
    database: Option<Database>,
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Job>,
}

impl Thread {
    fn open(path: PathBuf, waiting: mpsc::Receiver<Job>) -> Result<Self, OpenError> {
        let database = file::open(&path)?;
        let state = file::load(&database, Instant::now()).map_err(|error| from_redb(&path, error))?;
        let shared = Shared { revision: watch::Sender::new(state.revision), state: RwLock::new(state) };
        Ok(Self { path, database: Some(database), shared: Arc::new(shared), waiting })
    }

    fn run(mut self) {
        while let Some(jobs) = self.next_batch() {
            if let Err(failure) = self.reopen() {
                for job in jobs {
                    self.refuse(job, &failure);
                }
                continue;
            }
            let (changes, answers) = self.overlay(jobs);
            let saved = self.save(changes);
            for answer in answers {
                answer(saved.clone());
            }
        }
    }

    /// The jobs that wait; none if a session has to end first. `None`: nobody is there any more.
    fn next_batch(&self) -> Option<Vec<Job>> {
        let deadline = self.shared.read().next_deadline();
        let mut wait = deadline.map_or(IDLE, |deadline| deadline.saturating_duration_since(Instant::now()));
        if self.database.is_none() {
            wait = wait.max(RETRY);
        }
        match self.waiting.recv_timeout(wait) {
            Ok(first) => {
                let more = self.waiting.try_iter().take(MAX_BATCH - 1);
                Some(std::iter::once(first).chain(more).collect())
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Some(Vec::new()),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    fn overlay(&self, jobs: Vec<Job>) -> (Changes, Vec<Answer>) {
        let state = self.shared.read();
        let mut overlay = Overlay::new(&state, Instant::now());
        overlay.end_overdue_sessions();
        let answers = jobs.into_iter().filter_map(|job| job(&mut overlay)).collect();
        (overlay.finish(), answers)
    }

    /// Writes changes, and shows them to readers.
    fn save(&mut self, changes: Changes) -> Result<(), WriteFailure> {
        if !changes.matter() {
            self.shared.update(|state| state.absorb(changes));
            return Ok(());
        }
        let Some(database) = &self.database else { return Err(WriteFailure::Unsure) };
        match file::save(database, &changes) {
            Ok(()) => {
                self.shared.update(|state| state.absorb(changes));
                Ok(())
            }
            Err(SaveError::NotWritten(error)) => {
                self.database = None;
                Err(self.not_written(&error))
            }
            Err(SaveError::Unsure(error)) => {
                tracing::error!(path = %self.path.display(), %error, "the store's disk failed");
                self.database = None;
                self.find_out(&changes, &error)
            }
        }
    }

    /// Whether changes are in the file after all, which cannot always be read.
    fn find_out(&mut self, changes: &Changes, error: &redb::Error) -> Result<(), WriteFailure> {
        self.reopen().map_err(|_| WriteFailure::Unsure)?;
        let written = self.shared.read().revision == changes.revision;
        if written { Ok(()) } else { Err(self.not_written(error)) }
    }

    /// Reads the file anew after an error: what is in there is the truth.
    fn reopen(&mut self) -> Result<(), WriteFailure> {
        if self.database.is_some() {
            return Ok(());
        }
        let database = file::open(&self.path).map_err(|error| self.not_written(&error))?;
        let state = file::load(&database, Instant::now()).map_err(|error| self.not_written(&error))?;
        self.database = Some(database);
        // If the change that failed is in the file after all, the revision is newer, and every watch gets a snapshot.
        self.shared.update(|old| *old = state);
        Ok(())
    }

    fn not_written(&self, error: &dyn std::error::Error) -> WriteFailure {
        WriteFailure::NotWritten(NotWritten { path: self.path.clone(), reason: error.to_string() })
    }

    /// Answers a job that cannot be done. What it overlays goes nowhere.
    fn refuse(&self, job: Job, failure: &WriteFailure) {
        let state = self.shared.read();
        if let Some(answer) = job(&mut Overlay::new(&state, Instant::now())) {
            answer(Err(failure.clone()));
        }
    }
}

fn from_redb(path: &Path, error: redb::Error) -> OpenError {
    match error {
        redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => OpenError::io(path, error),
        error => OpenError::damaged(path, error),
    }
}

#[cfg(test)]
mod tests;
