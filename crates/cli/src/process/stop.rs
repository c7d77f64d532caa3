//! `weft stop`.

use crate::{client::Client, completion, failure::each, output::Out, patience::patiently};
use hyper::Method;
use std::{cell::RefCell, process::ExitCode};

/// Ask processes to end (SIGTERM), and kill those that do not.
#[derive(Debug, clap::Args)]
pub(crate) struct Stop {
    /// Names, ids, or starts of ids
    #[arg(required = true, value_name = "PROCESS")]
    #[arg(add = completion::processes())]
    processes: Vec<String>,
    /// How long they have before they are killed, in seconds
    #[arg(short, long, visible_alias = "timeout", default_value_t = 10)]
    time: u64,
}

impl Stop {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        let out = RefCell::new(out);
        each(&self.processes, async |process| {
            stop(client, process, self.time).await?;
            out.borrow_mut().line(process)
        })
        .await
    }
}

/// Stops a process, giving it `seconds`. The agent answers when it has ended.
pub(super) async fn stop(client: &Client, process: &str, seconds: u64) -> anyhow::Result<()> {
    let path = format!("{}/stop?t={seconds}", super::path(process));
    let stopping = client.wait::<serde_json::Value>(Method::POST, &path);
    patiently(&format!("Waiting for {process} to end"), stopping).await?;
    Ok(())
}
