//! The agent is started, and waited for.

use super::{Shared, file::ConfigFile, service, with_config};
use crate::{
    agent,
    cli::wait_for,
    client::{Client, Place},
    output::Out,
    patience::patiently,
};
use anyhow::bail;
use std::{path::Path, process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};
use weft_api::v1;

/// How long the agent may take to be in the cluster.
const JOINED_WITHIN: Duration = Duration::from_secs(40);
/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// How the agent is started, and what is said then.
pub(super) struct Start<'s> {
    pub(super) shared: &'s Shared,
    pub(super) place: Place,
    pub(super) client: &'s Client,
    /// What to do once it runs.
    pub(super) next: String,
}

impl Start<'_> {
    /// Becomes the agent, or starts its unit and waits until it is in the cluster, or says how to start it.
    pub(super) fn carry_out(self, file: &ConfigFile, mut out: Out) -> anyhow::Result<ExitCode> {
        out.line(format!("Wrote {}.", file.path().display()))?;
        if self.shared.foreground {
            return agent::Agent::described_in(self.shared.config.clone()).run(self.place);
        }
        if !service::is_there() {
            let runs =
                wait_for(async { Ok(self.client.get::<v1::Status>("/weft/v1/status").await.is_ok()) })?;
            let start = if runs { "Stop the agent that runs, and start it again" } else { "Start the agent" };
            out.line(format!("{start}, as root: {}", file.command()))?;
            out.line(format!("Then {}", self.next))?;
            return Ok(ExitCode::SUCCESS);
        }
        service::start()?;
        let nodes = wait_for(patiently("Waiting until this host is in the cluster", joined(self.client)))?;
        out.line(format!("This host is in the cluster: {}", counted(&nodes)))?;
        out.line(format!("Now {}", self.next))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Starts the agent again, so that it goes by what was written, or says that this is to be done.
pub(crate) fn restart(config: Option<&Path>, client: &Client, out: &mut Out) -> anyhow::Result<()> {
    if service::is_there() {
        service::start()?;
        wait_for(patiently("Waiting until this host is in the cluster", joined(client)))?;
        return Ok(());
    }
    let command = format!("weft agent{}", with_config(config));
    out.line(format!("Stop the agent, if it runs, and start it again, as root: {command}"))
}

async fn joined(client: &Client) -> anyhow::Result<Vec<v1::Node>> {
    let end = Instant::now() + JOINED_WITHIN;
    loop {
        let why = match client.get::<v1::Status>("/weft/v1/status").await {
            Ok(status) if status.joined => return Ok(client.get("/weft/v1/nodes").await?),
            Ok(status) => status.problems.first().cloned().unwrap_or_default(),
            Err(error) => weft_model::chain(&error),
        };
        if Instant::now() >= end {
            bail!(
                "this host is set up, and its agent runs, but is not in the cluster yet: {why} (see `weft status`)"
            );
        }
        sleep(LOOK).await;
    }
}

fn counted(nodes: &[v1::Node]) -> String {
    let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    let hosts = if names.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", names.len()) };
    format!("{hosts} ({})", names.join(", "))
}
