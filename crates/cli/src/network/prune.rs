//! `weft network prune`.

use super::ls::{filter, query};
use crate::{client::Client, output::Out};
use anyhow::bail;
use std::{
    io::{BufRead, IsTerminal, Write},
    process::ExitCode,
};
use weft_api::docker::PrunedNetworks;

/// Remove all networks that nobody is on.
#[derive(Debug, clap::Args)]
pub(crate) struct Prune {
    /// Do not ask first
    #[arg(short, long)]
    force: bool,
    /// Only those that match: label=, label!=, until=24h
    #[arg(long, value_name = "FIELD=VALUE", value_parser = filter)]
    filter: Vec<(String, String)>,
}

impl Prune {
    pub(super) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        if !self.force && !confirmed()? {
            return Ok(ExitCode::FAILURE);
        }
        let path = format!("/networks/prune{}", query(self.filter));
        let pruned: PrunedNetworks = client.post(&path, &serde_json::json!({})).await?;
        for network in pruned.networks_deleted {
            out.line(network)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn confirmed() -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("nobody to ask whether to remove all unused networks of the cluster: give --force");
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "This removes every network of the cluster that nobody is on. Continue? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
