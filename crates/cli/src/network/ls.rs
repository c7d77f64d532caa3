//! `weft network ls`.

use crate::{
    client::{Client, part},
    output::{Listing, Out, short},
};
use std::process::ExitCode;
use weft_api::docker::{Filters, Network};
use weft_model::asks_for_encryption;

/// List networks.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    listing: Listing,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Only those that match: name=, id=, label=, dangling=
    #[arg(short, long, value_name = "FIELD=VALUE", value_parser = filter)]
    filter: Vec<(String, String)>,
}

impl Ls {
    pub(super) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let networks: Vec<Network> = client.get(&format!("/networks{}", query(self.filter))).await?;
        if self.listing.quiet {
            for network in networks {
                out.line(short(&network.id, self.no_trunc))?;
            }
        } else if !self.listing.written(&networks, &mut out)? {
            let rows = networks.into_iter().map(|network| row(network, self.no_trunc)).collect();
            out.table(&["NETWORK ID", "NAME", "DRIVER", "SCOPE", "ENCRYPTED", "SUBNETS"], rows)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(network: Network, whole: bool) -> Vec<String> {
    let subnets: Vec<_> = network.ipam.config.into_iter().map(|config| config.subnet).collect();
    let encrypted = if asks_for_encryption(&network.options) { "yes" } else { "no" };
    let id = short(&network.id, whole);
    vec![id, network.name, network.driver, network.scope, encrypted.to_owned(), subnets.join(", ")]
}

/// Reads `FIELD=VALUE`.
pub(super) fn filter(text: &str) -> Result<(String, String), &'static str> {
    let (field, value) = text.split_once('=').ok_or("expected FIELD=VALUE, as name=web")?;
    Ok((field.to_owned(), value.to_owned()))
}

/// The query that asks for `filters`, or nothing.
pub(super) fn query(filters: Vec<(String, String)>) -> String {
    let mut all = Filters::default();
    for (field, value) in filters {
        all.add(field, value);
    }
    if all.is_empty() { String::new() } else { format!("?filters={}", part(&all.to_json())) }
}
