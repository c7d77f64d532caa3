//! What `weft status` says of the engine.

use super::Follower;
use std::sync::PoisonError;
use weft_verbs::EngineStatus;

impl Follower {
    /// It answers.
    pub(super) fn found(&self, version: String) {
        let (address, since) = (self.engine.describe(), self.access.env().now());
        tracing::info!(address, version, "following Docker");
        self.say(|_| Some(EngineStatus { address, version: Ok(version), since, problems: Vec::new() }));
    }

    /// It does not answer, or not any more. That is no fault: it may not be installed.
    pub(super) fn lost(&self, why: String) {
        let now = self.access.env().now();
        self.say(|before| {
            let before = before.filter(|before| before.version.is_err());
            if before.is_none_or(|before| before.version.as_ref().err() != Some(&why)) {
                tracing::info!(why, "Docker is not there; it is looked for now and then");
            }
            let since = before.map_or(now, |before| before.since);
            let address = self.engine.describe();
            Some(EngineStatus { address, version: Err(why), since, problems: Vec::new() })
        });
    }

    /// What somebody should look at, of all that is `about` one thing. Each is logged once, for as long as it lasts.
    pub(super) fn tell(&self, about: &'static str, problems: Vec<String>) {
        let problems = self.shared.problems(about, problems);
        self.say(|before| {
            let before = before.filter(|before| before.problems != problems)?;
            for problem in problems.iter().filter(|problem| !before.problems.contains(problem)) {
                tracing::warn!(problem, "Docker and the cluster are not one");
            }
            Some(EngineStatus { problems, ..before.clone() })
        });
    }

    /// Says how the engine is, if that differs from what was said `before`.
    fn say(&self, now: impl FnOnce(Option<&EngineStatus>) -> Option<EngineStatus>) {
        let mut before = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = now(before.as_ref()) {
            self.engines.note_status(status.clone());
            *before = Some(status);
        }
    }
}
