//! `weft top`: what goes through the containers of this host, as it changes.

mod rates;
mod screen;

use crate::{
    client::{Client, part},
    completion,
    interval::seconds,
    output::{ListFormat, Out, render},
};
use anyhow::bail;
pub(crate) use rates::{Rates, Sample};
use screen::Screen;
use std::{
    io::IsTerminal,
    process::ExitCode,
    time::{Duration, Instant},
};
use weft_api::v1;
use weft_model::NetworkName;

/// Show how much goes through each container and process of this host, as it changes.
///
/// On a terminal, the busiest come first, and q ends it. Elsewhere a table, or a document, is written for each look. What the
/// kernel sends in one piece (GSO) counts as one packet.
#[derive(Debug, clap::Args)]
pub(crate) struct Top {
    /// Only these, by their names
    #[arg(value_name = "NAME")]
    #[arg(add = completion::containers_here())]
    names: Vec<String>,
    /// Only those of one network
    #[arg(long, visible_alias = "net")]
    #[arg(add = completion::networks())]
    network: Option<NetworkName>,
    /// Look once, and end
    #[arg(long)]
    no_stream: bool,
    /// From look to look, in seconds
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// How to write it: table, json, or for each container what a template makes of it: '{{.Name}}'
    #[arg(long, value_name = "table|json|TEMPLATE", default_value = "table")]
    format: ListFormat,
}

impl Top {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let mut before = self.look(client).await?;
        if let Some(missing) = self.names.iter().find(|name| !before.has(name)) {
            bail!("nothing of this host that is called {missing} is on a network: see `weft endpoint ls`");
        }
        let shown = !self.no_stream && self.format == ListFormat::Table && std::io::stdout().is_terminal();
        if shown {
            return self.on_screen(client, before).await;
        }
        let mut first = true;
        loop {
            tokio::time::sleep(self.interval).await;
            let now = self.look(client).await?;
            let rates = now.since(&before);
            before = now;
            if self.format == ListFormat::Json {
                // A line for each look.
                out.line(serde_json::to_string(&rates)?)?;
            } else if !self.format.written(&rates, &mut out)? {
                // A table apart from the one before.
                if !std::mem::take(&mut first) {
                    out.line("")?;
                }
                out.line(table(&rates))?;
            }
            if self.no_stream {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    /// Until somebody has seen enough, also while the agent is away.
    async fn on_screen(&self, client: &Client, mut before: Sample) -> anyhow::Result<ExitCode> {
        let (mut screen, mut shown) = (Screen::open()?, table(&before.since(&before)));
        screen.show(&shown, Some("measuring…"))?;
        loop {
            let wait = async {
                tokio::time::sleep(self.interval).await;
                self.look(client).await
            };
            let Some(looked) = screen.unless_left(wait).await else { return Ok(ExitCode::SUCCESS) };
            let note = match looked {
                Ok(now) => {
                    shown = table(&now.since(&before));
                    before = now;
                    None
                }
                Err(error) => Some(format!("{error:#}")),
            };
            screen.show(&shown, note.as_deref())?;
        }
    }

    async fn look(&self, client: &Client) -> anyhow::Result<Sample> {
        let network = self.network.as_ref().map(|network| format!("&network={}", part(network.as_str())));
        let path = format!("/weft/v1/endpoints?traffic=true{}", network.unwrap_or_default());
        let endpoints: Vec<v1::Endpoint> = client.get(&path).await?;
        let at = Instant::now();
        let named = |endpoint: &&v1::Endpoint| {
            self.names.is_empty() || self.names.iter().any(|name| name == endpoint.name.as_str())
        };
        Ok(Sample::of(at, endpoints.iter().filter(named)))
    }
}

fn table(rates: &[Rates]) -> String {
    let headings = ["NAME", "NETWORK", "RECEIVES", "SENDS", "PACKETS IN/OUT", "DROPS", "RECEIVED", "SENT"];
    render(&headings, rates.iter().map(Rates::row).collect())
}
