//! From the engine's create request to ours.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};
use weft_api::docker;
use weft_model::{IpNet, cidr};
use weft_verbs::{CreateNetwork, Error, Kind, PoolRequest, refuse_unknown_options, warning_if_public};

/// The names of the networks that every engine has; one of ours of that name could not be made there.
const PREDEFINED: [&str; 4] = ["bridge", "default", "host", "none"];

/// Reads a create request.
///
/// # Errors
/// Says which field asks for something that is not weft's, or cannot be read.
pub fn parse(body: docker::CreateNetwork) -> Result<CreateNetwork, Error> {
    let name = body.name.parse().map_err(Error::invalid)?;
    if PREDEFINED.contains(&body.name.as_str()) {
        let message = format!("operation is not permitted on predefined {name} network");
        return Err(Error::new(Kind::Forbidden, message));
    }
    check_drivers(&body)?;
    check_kind(&body)?;
    refuse_unknown_options(&body.options)?;
    let pools = body.ipam.config.into_iter().map(pool).collect::<Result<Vec<_>, _>>()?;
    let has_ipv6_pool = pools.iter().any(|p| p.subnet.is_some_and(|subnet| subnet.addr().is_ipv6()));
    if body.enable_ipv6 == Some(false) && has_ipv6_pool {
        return Err(Error::invalid(
            "an IPv6 subnet is given, but IPv6 is turned off: leave out one of the two",
        ));
    }
    let has_ipv4_pool = pools.iter().any(|p| p.subnet.is_some_and(|subnet| subnet.addr().is_ipv4()));
    if body.enable_ipv4 == Some(false) && has_ipv4_pool {
        return Err(Error::invalid(
            "an IPv4 subnet is given, but IPv4 is turned off: leave out one of the two",
        ));
    }
    let ipv6 = body.enable_ipv6.unwrap_or(has_ipv6_pool);
    Ok(CreateNetwork {
        name,
        pools,
        ipv4: body.enable_ipv4.unwrap_or(true),
        ipv6,
        internal: body.internal,
        options: body.options,
        labels: body.labels,
        id: None,
    })
}

/// What of the request has no effect, or may have one that nobody wants.
pub fn warning(body: &docker::CreateNetwork) -> String {
    let without_effect: Vec<_> = body.ipam.options.keys().map(String::as_str).collect();
    let without_effect = (!without_effect.is_empty()).then(|| {
        format!("options of the address driver that have no effect here: {}", without_effect.join(", "))
    });
    let subnets = body.ipam.config.iter().filter_map(|config| cidr(&config.subnet).ok());
    let public = subnets.filter_map(warning_if_public);
    without_effect.into_iter().chain(public).collect::<Vec<_>>().join("; ")
}

fn check_drivers(body: &docker::CreateNetwork) -> Result<(), Error> {
    if !matches!(body.driver.as_str(), "" | "overlay" | "weft") {
        return Err(Error::invalid(format!(
            "weft makes no {:?} networks, only overlays: create it with -d overlay, or ask the container \
             engine for a {:?} one",
            body.driver, body.driver
        )));
    }
    if !matches!(body.ipam.driver.as_str(), "" | "default" | "weft") {
        return Err(Error::invalid(format!(
            "weft cannot use the address driver {:?}: leave out --ipam-driver, or give \"weft\"",
            body.ipam.driver
        )));
    }
    Ok(())
}

fn check_kind(body: &docker::CreateNetwork) -> Result<(), Error> {
    if !matches!(body.scope.as_str(), "" | "global" | "swarm") {
        return Err(Error::invalid(format!(
            "scope {:?} is not possible: weft's networks are the whole cluster's",
            body.scope
        )));
    }
    if body.ingress {
        return Err(Error::invalid("weft has no ingress networks: they belong to Swarm"));
    }
    if body.config_only || !body.config_from.network.is_empty() {
        return Err(Error::invalid("weft has no config-only networks: give the configuration itself"));
    }
    Ok(())
}

fn pool(config: docker::IpamConfig) -> Result<PoolRequest, Error> {
    let aux_address = |(name, address): (String, String)| match parsed("aux-address", &address)? {
        Some(address) => Ok((name, address)),
        None => Err(Error::invalid(format!("aux-address {name:?} has no address: give {name}=ADDRESS"))),
    };
    Ok(PoolRequest {
        subnet: range("subnet", &config.subnet)?,
        gateway: parsed("gateway", &config.gateway)?,
        ip_range: range("ip-range", &config.ip_range)?,
        aux_addresses: config
            .auxiliary_addresses
            .into_iter()
            .map(aux_address)
            .collect::<Result<BTreeMap<_, _>, _>>()?,
    })
}

fn range(what: &str, text: &str) -> Result<Option<IpNet>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    cidr(text).map(Some).map_err(|error| unreadable(what, text, &error))
}

/// Reads `text`, which is empty where the user gave nothing.
pub(crate) fn parsed<T: FromStr>(what: &str, text: &str) -> Result<Option<T>, Error>
where
    T::Err: Display,
{
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| unreadable(what, text, &error))
}

fn unreadable(what: &str, text: &str, error: &impl Display) -> Error {
    let shown: String = text.chars().take(80).collect();
    Error::invalid(format!("invalid {what} {shown:?}: {error}"))
}
