//! What happened: found where the view or the journal changes, written down, and told to who listens.

mod paths;

use crate::paths::KnownPaths;
use jiff::Timestamp;
use paths::ToldPaths;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, sleep_until},
};
use weft_model::Event;
use weft_state::{
    events::{EventFile, Moment, Reading, between},
    journal::LocalEndpoints,
    view::View,
};
use weft_verbs::PeerPath;

/// How many events a slow listener may be behind.
const BEHIND: usize = 4096;
/// How often to look without a reason: what the kernel has, which says whether a path is wide enough, is not followed.
const PERIOD: Duration = Duration::from_secs(10);

/// The events of this node. The file is one task's, [`follow`].
pub(crate) struct Events {
    file: Mutex<EventFile>,
    news: broadcast::Sender<Arc<Event>>,
}

impl Events {
    /// Those that are kept in `data_dir`.
    pub(crate) fn of(data_dir: &Path) -> Arc<Self> {
        Arc::new(Self { file: Mutex::new(EventFile::of(data_dir)), news: broadcast::Sender::new(BEHIND) })
    }

    /// Those that were written down, and those to come: each is in one of the two.
    pub(crate) fn listen(&self) -> (Reading, broadcast::Receiver<Arc<Event>>) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        (file.read(), self.news.subscribe())
    }

    /// Writes events down, and tells who listens, whether that worked or not. Blocks.
    fn tell(&self, events: Vec<Event>) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.append(&events) {
            tracing::warn!(%error, "events cannot be written down");
        }
        for event in events {
            // There may be no listener.
            let _ = self.news.send(Arc::new(event));
        }
    }
}

/// What shows what happens.
pub(crate) struct Seen {
    pub(crate) view: watch::Receiver<View>,
    pub(crate) journal: watch::Receiver<LocalEndpoints>,
    /// Changes when something was measured, of which `paths` says what is wrong.
    pub(crate) measured: watch::Receiver<Arc<KnownPaths>>,
    pub(crate) paths: Box<dyn Fn() -> Vec<PeerPath> + Send + Sync>,
}

/// Finds out what happens, for ever. `store` is the store's name. Safe to cancel: what was not told by then, the next run
/// tells where it remembers what was before.
pub(crate) async fn follow(events: Arc<Events>, seen: Seen, store: String) {
    let Seen { mut view, mut journal, mut measured, paths } = seen;
    let (mut before, mut told) = (Moment::default(), ToldPaths::default());
    loop {
        let (shown, locals) = (view.borrow_and_update().clone(), journal.borrow_and_update().clone());
        let now = Moment::of(&shown, locals);
        let mut news = match before.knows() {
            true => between(&before, &now, Timestamp::now(), &store),
            false => Vec::new(),
        };
        let weighed = Arc::clone(&measured.borrow_and_update());
        let of_paths = told.follow(paths(), Instant::now(), Timestamp::now());
        of_paths.iter().for_each(log);
        news.extend(of_paths);
        if !news.is_empty() {
            let events = Arc::clone(&events);
            // The disk may be slow. One batch after the other, so that they stay in order.
            let _ = tokio::task::spawn_blocking(move || events.tell(news)).await;
        }
        before = now;
        let later = Instant::now() + PERIOD;
        let changed = tokio::select! {
            changed = view.changed() => changed,
            changed = journal.changed() => changed,
            // A round trip is another each time, and nothing that happens.
            carries = measured.wait_for(|now| !now.carry_as(&weighed)) => carries.map(drop),
            () = sleep_until(told.due.map_or(later, |due| due.min(later))) => Ok(()),
        };
        if changed.is_err() {
            return;
        }
    }
}

/// A path that was lost is nobody's request, which would be answered: the log says it, too.
fn log(event: &Event) {
    match &event.reason {
        Some(why) => {
            tracing::warn!(node = %event.name, why, "the path to a host does not carry what it should")
        }
        None => tracing::info!(node = %event.name, "the path to a host carries what it should again"),
    }
}
