//! `weft network create`.

mod pools;

use crate::{client::Client, failure, output::Out};
use std::{net::IpAddr, process::ExitCode};
use weft_api::docker;
use weft_model::{ENCRYPTED_OPTION, IpNet};

/// Create a network, on every host at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Its name, unique in the cluster
    name: String,
    /// Accepted because docker has it: both mean the same
    #[arg(short, long, default_value = "overlay", value_parser = ["overlay", "weft"])]
    driver: String,
    /// A subnet, as 10.0.0.0/24; may be repeated [default: the first free one]
    #[arg(long, value_name = "CIDR", value_parser = weft_model::cidr)]
    subnet: Vec<IpNet>,
    /// A subnet's gateway; at most one for each [default: its first address]
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<IpAddr>,
    /// The part of a subnet to hand out addresses from; at most one for each
    #[arg(long, value_name = "CIDR", value_parser = weft_model::cidr)]
    ip_range: Vec<IpNet>,
    /// An address that something else has, as router=10.0.0.5
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = aux_address)]
    aux_address: Vec<(String, IpAddr)>,
    /// No way out: no gateway, no published ports, no names from outside
    #[arg(long)]
    internal: bool,
    /// IPv4 addresses; --ipv4=false for IPv6 alone [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    ipv4: Option<bool>,
    /// IPv6 addresses, too
    #[arg(long)]
    ipv6: bool,
    /// A label
    #[arg(long, value_name = "KEY[=VALUE]")]
    label: Vec<String>,
    /// A driver option: encrypted, mtu=1400, vni=300, keep=true
    #[arg(short, long, value_name = "KEY[=VALUE]", value_parser = option)]
    opt: Vec<(String, String)>,
    /// Accepted because docker has it: every network can be attached to
    #[arg(long, hide = true)]
    attachable: bool,
    /// Accepted because docker has it: addresses are always weft's
    #[arg(long, value_name = "DRIVER", value_parser = ["default", "weft"], hide = true)]
    ipam_driver: Option<String>,
}

impl Create {
    pub(super) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let created: docker::CreatedNetwork = client.post("/networks/create", &self.request()?).await?;
        failure::warn(&created.warning);
        out.line(created.id)?;
        Ok(ExitCode::SUCCESS)
    }

    fn request(self) -> anyhow::Result<docker::CreateNetwork> {
        let config = pools::assign(&self.subnet, &self.gateway, &self.ip_range, &self.aux_address)?;
        Ok(docker::CreateNetwork {
            name: self.name,
            driver: self.driver,
            // Absent rather than false: an IPv6 subnet alone is enough to ask for it.
            enable_ipv4: self.ipv4,
            enable_ipv6: self.ipv6.then_some(true),
            ipam: docker::Ipam {
                driver: self.ipam_driver.unwrap_or_default(),
                config,
                ..docker::Ipam::default()
            },
            internal: self.internal,
            attachable: self.attachable,
            options: self.opt.into_iter().collect(),
            labels: self.label.iter().map(|text| label(text)).collect(),
            ..docker::CreateNetwork::default()
        })
    }
}

fn label(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (key.to_owned(), value.to_owned())
}

/// An option of a network, as it is given: `KEY=VALUE`, or one that needs no value.
///
/// # Errors
/// If it is neither.
pub(crate) fn option(text: &str) -> Result<(String, String), &'static str> {
    // Alone, as Docker has it: it is on.
    if text == ENCRYPTED_OPTION {
        return Ok((text.to_owned(), String::new()));
    }
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, as mtu=1400, or `encrypted` alone")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn aux_address(text: &str) -> Result<(String, IpAddr), String> {
    let (name, address) = text.split_once('=').ok_or("expected NAME=ADDRESS, as router=10.0.0.5")?;
    Ok((name.to_owned(), address.parse().map_err(|error| format!("{address:?}: {error}"))?))
}
