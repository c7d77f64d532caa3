//! `weft rm`.

use crate::{client::Client, completion, failure::each, output::Out};
use std::{cell::RefCell, process::ExitCode};

/// Forget processes that ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// Names, ids, or starts of ids
    #[arg(required = true, value_name = "PROCESS")]
    #[arg(add = completion::processes())]
    processes: Vec<String>,
    /// Kill those that run
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        let out = RefCell::new(out);
        each(&self.processes, async |process| {
            remove(client, process, self.force).await?;
            out.borrow_mut().line(process)
        })
        .await
    }
}

pub(super) async fn remove(client: &Client, process: &str, force: bool) -> anyhow::Result<()> {
    Ok(client.delete(&format!("{}?force={force}", super::path(process))).await?)
}
