//! What a bug report needs besides the status.

use super::Reporter;
use crate::config::AgentConfig;
use std::time::Duration;
use tokio::time::timeout;
use weft_model::chain;
use weft_store::Secret;
use weft_verbs::DebugInfo;

/// How long the store may take to list its keys.
const PATIENCE: Duration = Duration::from_secs(5);

impl Reporter {
    /// What the agent was told, what it logged, and what is in the store, with its secrets left out.
    pub(crate) async fn inside(&self) -> DebugInfo {
        let secrets = secrets(&self.config);
        let clean = |text: String| secrets.iter().fold(text, |text, secret| secret.hide_in(&text));
        let log = self.telemetry.logs.lines().into_iter().map(clean).collect();
        let settings = clean(format!("{:#?}", self.config));
        DebugInfo { settings, log, keys: self.keys().await.map_err(clean) }
    }

    /// The keys in the store, with the sizes of their values in bytes.
    async fn keys(&self) -> Result<Vec<(String, usize)>, String> {
        let listed = timeout(PATIENCE, self.access.list_all()).await;
        let late =
            |_| format!("store {} did not list its keys within {PATIENCE:?}", self.access.describe_store());
        let listing = listed.map_err(late)?.map_err(|error| chain(&error))?;
        Ok(listing.entries.into_iter().map(|entry| (entry.key, entry.value.len())).collect())
    }
}

/// What must not be in a report. The files may have changed since the start: what was in them then is known to the
/// store alone, which tells nobody.
fn secrets(config: &AgentConfig) -> Vec<Secret> {
    let options = &config.store_options;
    let files = options.token_file.iter().chain(&options.password_file);
    let served = config.store_serve.iter().filter_map(|serve| serve.token());
    files
        .filter_map(|path| Secret::read(path).ok())
        .chain(config.store_token.clone())
        .chain(served.cloned())
        .collect()
}
