//! `weft debug`.

mod archive;
mod collect;
mod redact;

use crate::{
    client::{Client, part},
    output::Out,
};
use anyhow::Context;
use clap::Subcommand;
use collect::{Part, collect, host_name};
use jiff::Timestamp;
use redact::Redactor;
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};
use weft_api::v1;

/// For those who look for a fault.
#[derive(Debug, Subcommand)]
pub(crate) enum Debugging {
    /// Collect what a bug report needs in a file, with secrets left out
    ///
    /// It says how the agent is, what it logged, what is in the kernel and which keys are in the store; what cannot
    /// be had, because agent or store are down, is left out and named. Names and addresses of hosts, networks and
    /// containers are in it; tokens, passwords, private keys, and the environment and command lines of containers
    /// and processes are not. Read it before you send it.
    Bundle {
        /// The file, which must not exist yet [default: weft-debug-HOST-TIME.tar.gz]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Ask the agent of a host, directly, who it is: over TCP port 7946, as agents ask each other
    ///
    /// What answers has proved that it is that host, by its certificate, or by its key where the store is believed (trust:
    /// store).
    Peer {
        /// The host
        #[arg(value_name = "NODE")]
        node: String,
    },
}

impl Debugging {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let output = match self {
            Self::Bundle { output } => output,
            Self::Peer { node } => {
                client.must_be_here("`weft debug peer`")?;
                let agent: v1::Agent = client.get(&format!("/weft/v1/nodes/{}/agent", part(&node))).await?;
                out.json(&agent)?;
                return Ok(ExitCode::SUCCESS);
            }
        };
        client.must_be_here("`weft debug bundle`")?;
        let name = format!("weft-debug-{}-{}", host_name(), Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
        let path = output.unwrap_or_else(|| format!("{name}.tar.gz").into());
        // Created first: if the file cannot be written, nothing needs to be asked.
        let file = create(&path)?;
        let written = bundle(file, &name, client).await;
        let missing =
            written.with_context(|| format!("cannot write {}", path.display())).inspect_err(|_| {
                // Half of it is of no use to anybody.
                let _ = std::fs::remove_file(&path);
            })?;
        out.line(path.display().to_string())?;
        for (name, why) in missing {
            out.line(format!("without {name}: {why}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A file that nobody else can read.
fn create(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot create {}", path.display()))
}

/// Writes everything, and returns what could not be had, and why not.
async fn bundle(file: File, name: &str, client: &Client) -> anyhow::Result<Vec<(&'static str, String)>> {
    let redactor = Redactor::new()?;
    let parts = collect(client).await;
    let mut files = vec![("README.txt", readme(name, &parts))];
    let mut missing = Vec::new();
    for Part { name, content, .. } in parts {
        match content {
            Ok(text) => files.push((name, redactor.clean(&text))),
            Err(why) => missing.push((name, redactor.clean(&why))),
        }
    }
    archive::write(file, name, &files)?;
    Ok(missing)
}

fn readme(name: &str, parts: &[Part]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "{name}, made by `weft debug bundle` of weft {version}.\n\nLeft out: tokens, passwords, private keys, and the \
         environment and command lines of\ncontainers and processes. Names and addresses of hosts, networks and \
         containers are in it:\nread it before you send it.\n\n"
    );
    for Part { name, what, content } in parts {
        let there = content.as_ref().err().map_or(String::new(), |why| format!(" (missing: {why})"));
        text.push_str(&format!("{name:20} {what}{there}\n"));
    }
    text
}
