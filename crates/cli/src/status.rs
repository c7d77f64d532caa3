//! `weft status`.

mod text;

use crate::{
    client::{Client, ClientError},
    failure::Exit,
    output::{Format, Out},
    setup::{OwnRules, forwarding, vxlan},
};
use jiff::Timestamp;
use std::process::ExitCode;
use weft_api::v1;

/// The exit status where no agent runs, as systemctl's: "program is not running" (LSB, init script actions).
const NOT_RUNNING: u8 = 3;

/// How this host's agent is. Fails if something needs to be looked at.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 if all is well, 1 if something needs to be looked at, 3 if no agent runs here."
)]
pub(crate) struct Status {
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Show what is no trouble, too: keys in the store that this version does not know
    #[arg(short, long)]
    verbose: bool,
}

impl Status {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let mut status: v1::Status = match client.get("/weft/v1/status").await {
            Ok(status) => status,
            Err(error @ ClientError::Connect { .. }) => {
                return Err(Exit { code: NOT_RUNNING, message: error.to_string() }.into());
            }
            Err(error) => return Err(error.into()),
        };
        if status.leaving > 0 {
            status.problems.extend(forwarding(status.vtep).await);
        }
        // Of another host's rules this one knows nothing.
        if client.must_be_here("looking at rules").is_ok() {
            let blocked = status.paths.iter().filter(|path| path.blocked).map(|path| path.vtep).collect();
            match vxlan(status.vtep, status.vxlan_port, blocked).await {
                Some(OwnRules::Drop(problem)) => status.problems.push(problem),
                Some(OwnRules::Pass(note)) => status.notes.push(note),
                None => {}
            }
        }
        match self.format {
            Format::Json => out.json(&status)?,
            Format::Table => out.line(text::of(&status, Timestamp::now(), self.verbose))?,
        }
        Ok(if is_well(&status) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether nothing needs to be looked at. Another host that is down is not this one's trouble, and what the log
/// says of the past is over.
fn is_well(status: &v1::Status) -> bool {
    status.problems.is_empty() && status.store.error.is_none()
}
