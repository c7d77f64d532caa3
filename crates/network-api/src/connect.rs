//! From the engine's endpoint settings to ours.

use super::create::parsed;
use weft_api::docker;
use weft_verbs::{Error, JoinOptions};

/// Reads how a container is to be on a network.
///
/// # Errors
/// Says which field cannot be read.
pub fn parse(body: &docker::Connect) -> Result<JoinOptions, Error> {
    if body.container.is_empty() {
        return Err(Error::invalid("no container given"));
    }
    let settings = &body.endpoint_config;
    if !settings.links.is_empty() {
        return Err(Error::invalid("links are not possible on overlays: give aliases"));
    }
    let aliases = settings.aliases.iter().map(|alias| alias.parse().map_err(Error::invalid));
    Ok(JoinOptions {
        aliases: aliases.collect::<Result<_, _>>()?,
        ipv4: parsed("IPv4 address", &settings.ipam_config.ipv4_address)?,
        ipv6: parsed("IPv6 address", &settings.ipam_config.ipv6_address)?,
        mac: match settings.mac_address.as_str() {
            "" => None,
            mac => Some(mac.parse().map_err(Error::invalid)?),
        },
    })
}
