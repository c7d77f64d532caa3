//! `weft logs`.

use crate::{client::Client, completion, output::Out};
use std::process::ExitCode;

/// Show what a process wrote.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// Its name, id, or a start of its id
    #[arg(add = completion::processes())]
    process: String,
    /// Go on until it ends
    #[arg(short, long)]
    follow: bool,
    /// The last lines only
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<u64>,
}

impl Logs {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let tail = self.tail.map(|lines| format!("&tail={lines}")).unwrap_or_default();
        let path = format!("{}/logs?follow={}{tail}", super::path(&self.process), self.follow);
        client.stream(hyper::Method::GET, &path, |bytes| out.bytes(bytes)).await?;
        Ok(ExitCode::SUCCESS)
    }
}
