//! For `fuzz/`: the packet filter of a host about which nothing else is known.

use super::{
    facts::{Facts, Reach, Underlay},
    filter::{Filter, Tool},
    judge::judge,
};
use std::net::Ipv4Addr;

/// The findings, as `--format json` writes them.
pub(crate) fn judge_filter(iptables: &str, nft: &str) -> Result<String, String> {
    let mut filter = Filter::default();
    filter.add_iptables(Tool::Iptables, iptables);
    filter.add_nft(nft)?;
    let facts = Facts {
        root: true,
        as_root: "",
        distribution: "debian".to_owned(),
        docker_socket: String::new(),
        engine: Reach::Absent,
        agent: Reach::Absent,
        plugin: Reach::Absent,
        boot: None,
        kernel: Vec::new(),
        forwards_ipv4: true,
        filters_bridges: true,
        underlay: Some(Underlay {
            interface: "eth0".to_owned(),
            mtu: 1500,
            address: Ipv4Addr::LOCALHOST.into(),
        }),
        filter: Ok(filter),
        firewalld_zone: None,
        routes: Vec::new(),
        address_pools: Vec::new(),
    };
    serde_json::to_string(&judge(&facts)).map_err(|error| error.to_string())
}
