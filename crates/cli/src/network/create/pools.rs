//! Which gateway, range and address belongs to which subnet: docker's flags do not say, so they are matched
//! by where they lie.

use anyhow::{Result, bail};
use std::net::IpAddr;
use weft_api::docker::IpamConfig;
use weft_model::IpNet;

/// The subnets with what was given for each.
///
/// # Errors
/// Names what lies in no subnet, or is given twice for one.
pub(super) fn assign(
    subnets: &[IpNet],
    gateways: &[IpAddr],
    ranges: &[IpNet],
    aux_addresses: &[(String, IpAddr)],
) -> Result<Vec<IpamConfig>> {
    let config = |subnet: &IpNet| IpamConfig { subnet: subnet.to_string(), ..IpamConfig::default() };
    let mut pools: Vec<IpamConfig> = subnets.iter().map(config).collect();
    for range in ranges {
        let at = place(subnets, "--ip-range", range, |subnet| subnet.contains(range))?;
        once("--ip-range", &mut pools[at].ip_range, range.to_string())?;
    }
    for gateway in gateways {
        let at = place(subnets, "--gateway", gateway, |subnet| subnet.contains(gateway))?;
        once("--gateway", &mut pools[at].gateway, gateway.to_string())?;
    }
    for (name, address) in aux_addresses {
        let at = place(subnets, "--aux-address", address, |subnet| subnet.contains(address))?;
        let aux = &mut pools[at].auxiliary_addresses;
        if aux.insert(name.clone(), address.to_string()).is_some() {
            bail!("--aux-address {name} is given twice");
        }
    }
    Ok(pools)
}

fn place(
    subnets: &[IpNet],
    flag: &str,
    value: impl std::fmt::Display,
    inside: impl Fn(&IpNet) -> bool,
) -> Result<usize> {
    match subnets.iter().position(inside) {
        Some(at) => Ok(at),
        None if subnets.is_empty() => bail!("{flag} {value} needs a --subnet that it lies in"),
        None => bail!("{flag} {value} is in none of the subnets given"),
    }
}

fn once(flag: &str, place: &mut String, value: String) -> Result<()> {
    if !place.is_empty() {
        bail!("{flag} {place} and {value} are of the same subnet: give one");
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn each_lies_where_it_belongs() {
        let subnets = nets(&["10.0.0.0/24", "fd00::/64"]);
        let gateways = ["fd00::1".parse().unwrap(), "10.0.0.254".parse().unwrap()];
        let aux = [("router".to_owned(), "10.0.0.5".parse().unwrap())];
        let pools = assign(&subnets, &gateways, &nets(&["10.0.0.128/25"]), &aux).unwrap();
        assert_eq!((pools[0].gateway.as_str(), pools[0].ip_range.as_str()), ("10.0.0.254", "10.0.0.128/25"));
        assert_eq!(pools[0].auxiliary_addresses["router"], "10.0.0.5");
        assert_eq!((pools[1].gateway.as_str(), pools[1].subnet.as_str()), ("fd00::1", "fd00::/64"));
    }

    #[test]
    fn what_belongs_nowhere_is_an_error() {
        let subnets = nets(&["10.0.0.0/24"]);
        let why = |subnets: &[IpNet], gateways: &[&str]| {
            let gateways: Vec<IpAddr> = gateways.iter().map(|text| text.parse().unwrap()).collect();
            assign(subnets, &gateways, &[], &[]).unwrap_err().to_string()
        };
        assert!(why(&[], &["10.0.0.1"]).contains("needs a --subnet"));
        assert!(why(&subnets, &["10.1.0.1"]).contains("none of the subnets"));
        assert!(why(&subnets, &["10.0.0.1", "10.0.0.2"]).contains("the same subnet"));
    }
}
