//! `weft status`.

use crate::{
    client::Client,
    output::{Format, Out, ago, since},
};
use clap::builder::styling::{AnsiColor, Style};
use std::process::ExitCode;
use weft_api::v1;

/// How this host's agent is. Fails if something needs to be looked at.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Status {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let status: v1::Status = client.get("/weft/v1/status").await?;
        match self.format {
            Format::Json => out.json(&status)?,
            Format::Table => write(&status, &mut out)?,
        }
        let well = status.problems.is_empty() && status.store.error.is_none();
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn docker(engine: &v1::Engine) -> String {
    let (address, since) = (&engine.address, since(engine.since));
    match (&engine.version, &engine.error) {
        (Some(version), _) => format!("{version} at {address}, followed for {since}"),
        (None, Some(error)) => format!("not there for {since}: {error}"),
        (None, None) => format!("not there for {since}, at {address}"),
    }
}

fn write(status: &v1::Status, out: &mut Out) -> anyhow::Result<()> {
    let store = match &status.store.error {
        None => format!("{}, in reach for {}", status.store.url, since(status.store.since)),
        Some(error) => {
            format!("{}, out of reach for {}: {error}", status.store.url, since(status.store.since))
        }
    };
    let mut pairs = vec![
        ("Node", format!("{} ({})", status.node, status.id)),
        ("Version", status.version.clone()),
        ("Started", ago(status.started)),
        ("Advertise", status.advertise.to_string()),
        ("VTEP", format!("{} port {}/udp", status.vtep, status.vxlan_port)),
        ("Data", status.data_dir.display().to_string()),
        ("Store", store),
    ];
    if let Some(engine) = &status.engine {
        pairs.push(("Docker", docker(engine)));
    }
    if let Some(round) = &status.round {
        let failures = if round.failures.is_empty() { "" } else { ", with failures" };
        let took = std::time::Duration::from_micros(round.took_us);
        pairs.push(("Data plane", format!("{} steps in {took:?}, {}{failures}", round.steps, ago(round.at))));
    }
    let counts: Vec<_> = status.counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    pairs.push(("Known", counts.join(", ")));
    out.pairs(pairs)?;
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    let failures = status.round.iter().flat_map(|round| &round.failures);
    for problem in status.problems.iter().chain(failures) {
        out.line(format!("{style}!{style:#} {problem}"))?;
    }
    Ok(())
}
