//! The agent is started, and waited for.

use super::{Shared, file::ConfigFile, service, with_config};
use crate::{
    agent,
    cli::wait_for,
    client::{Client, Place},
    node::round_trip,
    output::Out,
    patience::patiently,
};
use anyhow::bail;
use std::{path::Path, process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};
use weft_api::v1;

/// How long the agent may take to be in the cluster.
const JOINED_WITHIN: Duration = Duration::from_secs(40);
/// How long to wait until the paths to the others are measured: longer than it takes to see that one is lost.
const MEASURED_WITHIN: Duration = Duration::from_secs(8);
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
        let wrote = if file.is_changed() { "Wrote" } else { "Nothing had to be changed in" };
        out.line(format!("{wrote} {}.", file.path().display()))?;
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
        let nodes = wait_for(patiently("Measuring the paths to the others", async {
            Ok(measured(self.client, nodes).await)
        }))?;
        out.line(format!("This host is in the cluster: {}", counted(&nodes)))?;
        for line in paths(&nodes) {
            out.line(line)?;
        }
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

/// The nodes with the paths to them, once these are known, or as far as they are after a while. Without them, all works.
async fn measured(client: &Client, nodes: Vec<v1::Node>) -> Vec<v1::Node> {
    let end = Instant::now() + MEASURED_WITHIN;
    let mut nodes = nodes;
    let is_known = |node: &v1::Node| {
        let path = node.path.as_ref();
        node.this
            || !node.up
            || path.is_some_and(|path| path.state != v1::PathState::Unknown && is_sized(path))
    };
    while !nodes.iter().all(is_known) && Instant::now() < end {
        sleep(LOOK).await;
        // This host has joined: what cannot be asked now is not worth failing for.
        let Ok(now) = client.get("/weft/v1/nodes").await else { break };
        nodes = now;
    }
    nodes
}

/// Whether it is known how much passes, if anything does.
fn is_sized(path: &v1::Path) -> bool {
    path.mtu.is_some() || path.state != v1::PathState::Works
}

/// What is known of the paths, a line: or one for those that work, and one for each other.
fn paths(nodes: &[v1::Node]) -> Vec<String> {
    use v1::PathState::{Lost, Narrow, OneWay, Unknown, Works};
    let others = || nodes.iter().filter(|node| !node.this && node.up);
    let works = || others().filter_map(|node| node.path.as_ref()).filter(|path| path.state == Works);
    let mut lines = Vec::new();
    if let Some(slowest) = works().filter_map(|path| path.round_trip_us).max() {
        let up_to = if works().count() > 1 { "up to " } else { "" };
        let mtu =
            works().filter_map(|path| path.mtu).min().map(|mtu| format!(", MTU {mtu}")).unwrap_or_default();
        lines.push(format!(
            "{}, VXLAN both ways, {up_to}{}{mtu}",
            hosts(works().count() + 1),
            round_trip(slowest)
        ));
    }
    for node in others() {
        let (name, port) = (&node.name, node.vxlan_port);
        let what = match node.path.as_ref().map(|path| (path.state, path.mtu)) {
            Some((Lost, _)) => {
                format!("nothing from {name} arrives here by VXLAN ({port}/udp): see `weft status`")
            }
            Some((OneWay, _)) => {
                format!("nothing from here arrives on {name} by VXLAN ({port}/udp): see `weft status`")
            }
            Some((Narrow, mtu)) => {
                format!(
                    "only packets of up to {} bytes pass to {name}: see `weft status`",
                    mtu.unwrap_or_default()
                )
            }
            Some((Unknown, _)) | None => format!("whether packets pass to {name} is not known"),
            Some((Works, _)) => continue,
        };
        lines.push(what);
    }
    lines
}

fn hosts(count: usize) -> String {
    if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") }
}

fn counted(nodes: &[v1::Node]) -> String {
    let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    format!("{} ({})", hosts(names.len()), names.join(", "))
}
