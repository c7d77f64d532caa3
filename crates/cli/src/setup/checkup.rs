//! What is done with findings: they are shown, and what mends them is carried out if asked for.

use super::{
    finding::{CheckState, Finding, Mend},
    look, mend,
};
use crate::{
    client::UnixSocket,
    output::{Format, Out, coloured},
};
use anyhow::bail;
use clap::builder::styling::AnsiColor;
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

/// The options of the commands that check a host.
#[derive(Debug, clap::Args)]
pub(super) struct Checkup {
    /// Run the commands that mend what was found, those that do no harm, and check again
    #[arg(long)]
    apply: bool,
    /// The engine's socket
    #[arg(long, value_name = "unix://PATH", default_value = look::DOCKER_SOCKET)]
    pub(super) docker_socket: UnixSocket,
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A finding as it is written, with the command's own word for what does not work.
#[derive(Serialize)]
struct Shown<'f> {
    check: &'f str,
    state: &'f str,
    what: &'f str,
    #[serde(skip_serializing_if = "<[Mend]>::is_empty")]
    mend: &'f [Mend],
}

impl Checkup {
    /// Looks for findings, mends them if asked to, and looks again. Fails if something does not work, of which
    /// `broken` is the word.
    pub(super) async fn run(
        self,
        broken: &'static str,
        mut out: Out,
        find: impl AsyncFn() -> Vec<Finding>,
    ) -> anyhow::Result<ExitCode> {
        let mut findings = find().await;
        let mut applied = Vec::new();
        if self.apply {
            if !rustix::process::geteuid().is_root() {
                bail!("--apply changes this host: run it as root");
            }
            if self.format == Format::Table {
                show(&findings, broken, &mut out)?;
            }
            applied = self.mend(&findings, &mut out).await?;
            findings = find().await;
        }
        match self.format {
            Format::Json => {
                let shown = findings.iter().map(|finding| finding.shown(broken)).collect::<Vec<_>>();
                out.json(&json!({"findings": shown, "applied": applied}))?;
            }
            Format::Table => show(&findings, broken, &mut out)?,
        }
        let fails = findings.iter().any(|finding| finding.state == CheckState::Missing);
        Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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

impl Finding {
    fn shown(&self, broken: &'static str) -> Shown<'_> {
        let Self { check, state, what, mend } = self;
        Shown { check, state: word(*state, broken), what, mend }
    }
}

fn word(state: CheckState, broken: &'static str) -> &'static str {
    match state {
        CheckState::Ok => "ok",
        CheckState::Warning => "warning",
        CheckState::Missing => broken,
    }
}

/// The checklist, for people: a line for each check, and what mends it below.
fn show(findings: &[Finding], broken: &'static str, out: &mut Out) -> anyhow::Result<()> {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for finding in findings {
        let colour = match finding.state {
            CheckState::Ok => AnsiColor::Green,
            CheckState::Warning => AnsiColor::Yellow,
            CheckState::Missing => AnsiColor::Red,
        };
        let state = coloured(colour, word(finding.state, broken));
        out.line(format!("{state}  {:width$}  {}", finding.check, finding.what))?;
        for mend in &finding.mend {
            out.line(match mend {
                Mend::Command(command) => format!("{:9}# {command}", ""),
                Mend::ByHand(text) => format!("{:9}{text}", ""),
            })?;
        }
    }
    Ok(())
}
