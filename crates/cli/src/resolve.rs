//! `weft resolve`: what a container is told that asks for a name.

use crate::{
    client::{Client, part},
    completion,
    output::{Format, Out, or_dash},
};
use std::process::ExitCode;
use weft_api::v1;

/// Say what a container is told that asks for a name, and who answers. Fails if weft does not know the name.
#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {
    /// The name, with or without a network's name behind it
    #[arg(add = completion::containers())]
    name: String,
    /// The container that asks, on any host, by its name or id
    #[arg(long = "as", value_name = "CONTAINER")]
    #[arg(add = completion::containers())]
    container: String,
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Resolve {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let path = format!("/weft/v1/resolve?name={}&as={}", part(&self.name), part(&self.container));
        let told: v1::Resolution = client.get(&path).await?;
        match self.format {
            Format::Json => out.json(&told)?,
            Format::Table if told.records.is_empty() => {}
            Format::Table => {
                let headings = ["NAME", "TYPE", "ADDRESS", "NETWORK", "ENDPOINT", "NODE"];
                out.table(&headings, told.records.iter().map(|record| row(&told.name, record)).collect())?;
            }
        }
        match why_not(&told) {
            Some(why) => anyhow::bail!("{why}"),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

fn row(name: &str, record: &v1::AddressRecord) -> Vec<String> {
    vec![
        name.to_owned(),
        record.kind.clone(),
        record.address.to_string(),
        record.network.to_string(),
        or_dash(record.endpoint.as_ref()),
        or_dash(record.node.as_ref()),
    ]
}

/// Why there is no address, if there is none.
fn why_not(told: &v1::Resolution) -> Option<String> {
    let v1::Resolution { name, container, node, networks, answered_by, records } = told;
    if !records.is_empty() {
        return None;
    }
    let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
    let networks = networks.join(", ");
    Some(match answered_by {
        v1::AnsweredBy::Weft => format!("weft knows {name} on {networks}, and it has no address there"),
        v1::AnsweredBy::NameServer => format!(
            "weft knows no {name} on the networks of {container} ({networks}): the name servers of {node} are asked, or its \
             engine"
        ),
    })
}
