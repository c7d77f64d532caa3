//! `weft setup docker`.

use super::{
    finding::{CheckState, Finding, Mend},
    judge::judge,
    look::{self, look},
    mend,
};
use crate::{
    client::{Client, UnixSocket},
    output::{Format, Out},
};
use anyhow::bail;
use clap::builder::styling::{AnsiColor, Style};
use serde_json::json;
use std::process::ExitCode;

/// Check what Docker's containers on weft's networks need here. Fails if something is missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Docker {
    /// Run the commands that mend what was found, those that do no harm, and check again
    #[arg(long)]
    apply: bool,
    /// The engine's socket
    #[arg(long, value_name = "unix://PATH", default_value = look::DOCKER_SOCKET)]
    docker_socket: UnixSocket,
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Docker {
    pub(super) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let facts = look(client, &self.docker_socket).await;
        let mut findings = judge(&facts);
        let mut applied = Vec::new();
        if self.apply {
            if !facts.root {
                bail!("--apply changes this host: run it as root");
            }
            if self.format == Format::Table {
                show(&findings, &mut out)?;
            }
            applied = self.mend(&findings, &mut out).await?;
            findings = judge(&look(client, &self.docker_socket).await);
        }
        match self.format {
            Format::Json => out.json(&json!({"findings": findings, "applied": applied}))?,
            Format::Table => show(&findings, &mut out)?,
        }
        let missing = findings.iter().any(|finding| finding.state == CheckState::Missing);
        Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Runs the commands among what mends things, each once, and says which.
    async fn mend(&self, findings: &[Finding], out: &mut Out) -> anyhow::Result<Vec<mend::Applied>> {
        let mut applied: Vec<mend::Applied> = Vec::new();
        for mend in findings.iter().flat_map(|finding| &finding.mend) {
            let Mend::Command(command) = mend else { continue };
            if applied.iter().any(|before| before.command == *command) {
                continue;
            }
            if self.format == Format::Table {
                out.line(format!("\n# {command}"))?;
            }
            let done = mend::run(command).await;
            if let (Format::Table, Some(error)) = (self.format, &done.error) {
                out.line(format!("  {error}"))?;
            }
            applied.push(done);
        }
        if self.format == Format::Table {
            out.line("")?;
        }
        Ok(applied)
    }
}

/// The checklist, for people: a line for each check, and what mends it below.
fn show(findings: &[Finding], out: &mut Out) -> anyhow::Result<()> {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for finding in findings {
        let colour = match finding.state {
            CheckState::Ok => AnsiColor::Green,
            CheckState::Warning => AnsiColor::Yellow,
            CheckState::Missing => AnsiColor::Red,
        };
        let style = Style::new().fg_color(Some(colour.into()));
        out.line(format!("{style}{:7}{style:#}  {:width$}  {}", finding.state, finding.check, finding.what))?;
        for mend in &finding.mend {
            out.line(match mend {
                Mend::Command(command) => format!("{:9}# {command}", ""),
                Mend::ByHand(text) => format!("{:9}{text}", ""),
            })?;
        }
    }
    Ok(())
}
