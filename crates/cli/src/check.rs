//! `weft check`: whether all hosts reach each other on a network, tried out.

mod junit;
mod progress;
mod report;

use crate::{
    client::{Client, part},
    completion,
    events::Lines,
    output::Out,
};
use anyhow::Context;
use clap::ValueEnum;
use hyper::Method;
use progress::Progress;
use report::Report;
use std::process::ExitCode;
use weft_api::docker;
use weft_model::CheckNews;

/// Try out whether all hosts reach each other on a network. Fails if one does not reach another.
///
/// Each host that is up puts something on the network that answers, and sends to that of each other: asks for its name, pings it
/// with small packets and with one as large as the MTU, connects to it, and to a port of its host that leads there. Nothing of it
/// is left afterwards. What runs on the network is not touched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 if every host reaches every other, 1 if one does not, or takes no part."
)]
pub(crate) struct Check {
    /// The network: its name or id; need not be given where there is only one
    #[arg(add = completion::networks())]
    network: Option<String>,
    /// How to write it: for people, for programs as one JSON document, or for CI as JUnit's XML
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
}

/// How to write what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    #[default]
    Table,
    Json,
    Junit,
}

impl Check {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        client.must_be_here("`weft check`")?;
        let network = match self.network {
            Some(network) => network,
            None => only_network(client).await?,
        };
        let (mut report, progress) = (Report::new(&network), Progress::on_terminal());
        let (mut lines, path) = (Lines::default(), format!("/weft/v1/check?network={}", part(&network)));
        let followed = client.stream(Method::POST, &path, |bytes| {
            lines.add(bytes);
            while let Some(line) = lines.next() {
                let news: CheckNews =
                    serde_json::from_slice(&line).context("the agent sent what is no news of a check")?;
                report.take(news);
                progress.show(&report);
            }
            lines.check()
        });
        let followed = followed.await;
        progress.clear();
        followed?;
        anyhow::ensure!(
            report.is_whole(),
            "the agent ended before the check did: what it made ends within two minutes"
        );
        match self.format {
            CheckFormat::Table => report.show(&mut out)?,
            CheckFormat::Json => out.json(&report)?,
            CheckFormat::Junit => out.line(junit::written(&report))?,
        }
        Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The network, where there is no other.
async fn only_network(client: &Client) -> anyhow::Result<String> {
    let networks: Vec<docker::Network> = client.get("/networks").await?;
    match networks.as_slice() {
        [one] => Ok(one.name.clone()),
        [] => anyhow::bail!("there is no network to check: make one with `weft network create`"),
        several => {
            let mut names: Vec<_> = several.iter().map(|network| network.name.as_str()).collect();
            names.sort_unstable();
            anyhow::bail!("which network? There are {}", names.join(", "))
        }
    }
}
