//! `weft network inspect`.

use crate::{
    client::Client,
    completion,
    inspect::inspect,
    output::{ListFormat, Out},
};
use std::{collections::BTreeMap, process::ExitCode};
use weft_api::docker::{IpamConfig, Network, NetworkEndpoint};

/// Show everything about networks: their pools, with what is used and free, and who is on them, on any host.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// Names, ids, or starts of ids
    #[arg(required = true, value_name = "NETWORK")]
    #[arg(add = completion::networks())]
    networks: Vec<String>,
    /// How to write it: json as docker does, table for people, or for each network what a template makes of it, as docker
    /// has them: '{{json .Containers}}'
    #[arg(short, long, value_name = "json|table|TEMPLATE", default_value = "json")]
    format: ListFormat,
    /// Accepted because docker has it: everything is always shown
    #[arg(short, long, hide = true)]
    verbose: bool,
}

impl Inspect {
    pub(super) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        if self.format != ListFormat::Table {
            let paths = self.networks.iter().map(|network| super::path(network));
            return inspect::<Network>(client, out, paths, &self.format).await;
        }
        let mut code = ExitCode::SUCCESS;
        for (at, name) in self.networks.iter().enumerate() {
            match client.get::<Network>(&super::path(name)).await {
                Ok(network) => {
                    if at > 0 {
                        out.line("")?;
                    }
                    show(&network, &mut out)?;
                }
                Err(error) => code = crate::failure::report(&error.into()),
            }
        }
        Ok(code)
    }
}

fn show(network: &Network, out: &mut Out) -> anyhow::Result<()> {
    let list = |pairs: &BTreeMap<String, String>| {
        pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    let peers: Vec<_> = network.peers.iter().map(|peer| format!("{} ({})", peer.name, peer.ip)).collect();
    let mut pairs = vec![
        ("Network", format!("{} ({})", network.name, network.id)),
        ("Created", network.created.to_string()),
        ("Options", list(&network.options)),
        ("Labels", list(&network.labels)),
        ("Internal", if network.internal { "yes" } else { "no" }.to_owned()),
        ("Hosts", peers.join(", ")),
    ];
    pairs.retain(|(_, value)| !value.is_empty());
    out.pairs(pairs)?;
    out.line("")?;
    let rows = network.ipam.config.iter().map(|config| pool(network, config)).collect();
    out.table(&["SUBNET", "RANGE", "GATEWAY", "IN USE", "FREE"], rows)?;
    if network.containers.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let addresses = |one: &NetworkEndpoint| {
        let both = [one.ipv4_address.clone(), one.ipv6_address.clone()];
        both.into_iter().filter(|address| !address.is_empty()).collect::<Vec<_>>().join(", ")
    };
    let row = |one: &NetworkEndpoint| vec![one.name.clone(), addresses(one), one.mac_address.clone()];
    out.table(&["NAME", "ADDRESSES", "MAC"], network.containers.values().map(row).collect())
}

/// A pool, and how much of it is in use; an agent of before does not say.
fn pool(network: &Network, config: &IpamConfig) -> Vec<String> {
    let status = network.status.as_ref().and_then(|status| status.ipam.subnets.get(&config.subnet));
    let number = |number: Option<u64>| match number {
        None => "-".to_owned(),
        Some(u64::MAX) => "2^64 or more".to_owned(),
        Some(number) => number.to_string(),
    };
    let range = if config.ip_range.is_empty() { &config.subnet } else { &config.ip_range };
    vec![
        config.subnet.clone(),
        range.clone(),
        config.gateway.clone(),
        number(status.map(|status| status.ips_in_use)),
        number(status.map(|status| status.dynamic_ips_available)),
    ]
}
