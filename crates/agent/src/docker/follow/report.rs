//! What `weft status` says of the engine.

use super::Follower;
use crate::report::EngineStatus;

impl Follower {
    /// It answers.
    pub(super) fn found(&self, version: String) {
        let (address, since) = (self.engine.describe(), self.core.env.now());
        tracing::info!(address, version, "following Docker");
        let status = EngineStatus { address, version: Ok(version), since, problems: Vec::new() };
        self.core.engine.send_replace(Some(status));
    }

    /// It does not answer, or not any more. That is no fault: it may not be installed.
    pub(super) fn lost(&self, why: String) {
        let now = self.core.env.now();
        self.core.engine.send_modify(|status| {
            let before = status.take().filter(|before| before.version.is_err());
            if before.as_ref().is_none_or(|before| before.version.as_ref().err() != Some(&why)) {
                tracing::info!(why, "Docker is not there; it is looked for now and then");
            }
            let since = before.map_or(now, |before| before.since);
            let address = self.engine.describe();
            *status = Some(EngineStatus { address, version: Err(why), since, problems: Vec::new() });
        });
    }

    /// What somebody should look at, of all that is `about` one thing. Each is logged once, for as long as it lasts.
    pub(super) fn tell(&self, about: &'static str, problems: Vec<String>) {
        let problems = self.shared.problems(about, problems);
        self.core.engine.send_if_modified(|status| {
            let Some(status) = status.as_mut().filter(|status| status.problems != problems) else {
                return false;
            };
            for problem in problems.iter().filter(|problem| !status.problems.contains(problem)) {
                tracing::warn!(problem, "Docker and the cluster are not one");
            }
            status.problems = problems;
            true
        });
    }
}
