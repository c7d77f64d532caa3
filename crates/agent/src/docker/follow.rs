//! Follows the engine on this host: its networks and the cluster's are kept the same, its containers' names are
//! learnt, and what it has forgotten is taken away.
//!
//! The doctrine is that of [`reconcile`](crate::reconcile): an event, or a change of the view, says "look
//! again" and nothing more; a timer says so besides. Nothing here runs within a call of the engine's.

mod attempts;
mod containers;
mod engine;
mod missing;
mod networks;
mod news;
mod report;

pub(crate) use engine::DockerSocket;

use super::Shared;
use crate::core::DriverAccess;
use containers::ContainerFollower;
use engine::EngineAddress;
use futures::{StreamExt, stream::BoxStream};
use networks::NetworkFollower;
use news::News;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;
use weft_docker::engine::{EngineError, EngineEvent};
use weft_model::chain;
use weft_verbs::{EngineStatus, EngineVerbs, Verbs};

/// The first pause when the engine does not answer, doubled after each further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: an engine that is back is noticed within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Follows one engine. Runs beside the core, and calls its verbs as a door does.
pub(crate) struct Follower {
    access: Arc<DriverAccess>,
    verbs: Arc<dyn Verbs>,
    engines: Arc<dyn EngineVerbs>,
    shared: Arc<Shared>,
    engine: Arc<dyn EngineAddress>,
    /// What was said last of how the engine is.
    status: Mutex<Option<EngineStatus>>,
}

/// Why the engine is not followed any more.
enum Lost {
    /// It does not answer.
    Error(EngineError),
    /// It ended its events, as it does when it stops.
    Closed,
}

impl From<EngineError> for Lost {
    fn from(error: EngineError) -> Self {
        Self::Error(error)
    }
}

impl Follower {
    pub(crate) fn new(
        access: &Arc<DriverAccess>,
        shared: &Arc<Shared>,
        engine: Arc<dyn EngineAddress>,
    ) -> Self {
        let (verbs, engines, status) = (access.verbs(), access.engines(), Mutex::default());
        Self { access: Arc::clone(access), verbs, engines, shared: Arc::clone(shared), engine, status }
    }

    /// Follows the engine for ever, whenever there is one. Safe to cancel at any time.
    pub(crate) async fn run(self) {
        // On a copy of a host, what the engine lacks is the original's.
        self.access.owns_its_node().await;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.follow(&mut pause).await {
                Ok(never) => match never {},
                Err(Lost::Error(error)) => chain(&error),
                Err(Lost::Closed) => "it is stopping".to_owned(),
            };
            self.lost(error);
            sleep(self.access.env().jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn follow(&self, pause: &mut Duration) -> Result<Infallible, Lost> {
        let engine = self.engine.connect().await?;
        // Before anything is listed, so that nothing happens unseen in between.
        let events = engine.events().await?;
        *pause = FIRST_PAUSE;
        self.found(engine.version());
        let news = News::default();
        let networks = NetworkFollower::new(self, Arc::clone(&engine));
        let containers = ContainerFollower::new(self, engine);
        tokio::select! {
            lost = listen(events, &news) => lost,
            lost = networks.follow(&news.networks) => Ok(lost?),
            lost = containers.follow(&news.containers) => Ok(lost?),
        }
    }
}

async fn listen(
    mut events: BoxStream<'static, Result<EngineEvent, EngineError>>,
    news: &News,
) -> Result<Infallible, Lost> {
    while let Some(event) = events.next().await {
        news.note(&event?);
    }
    Err(Lost::Closed)
}

#[cfg(test)]
mod simulation;
