//! Who has the ports of this host that weft listens on.

use crate::{
    agent::DEFAULT_VXLAN_PORT,
    setup::{doctor::facts::Port, facts::Agent},
};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use weft_agent::{
    config::{AgentConfig, DEFAULT_TUNNEL_PORT},
    joining::{PEER_PORT, member_files},
};
use weft_http::{Protocol, holder};

/// Those that an agent here has, or would have.
pub(super) fn look(agent: Option<&Agent>, config: Option<&AgentConfig>) -> Vec<Port> {
    let vxlan = agent.map(|agent| agent.status.vxlan_port).or_else(|| Some(config?.vxlan_port));
    let tunnel = agent.and_then(|agent| agent.status.tunnel_port).or_else(|| Some(config?.tunnel_port));
    let peers = config.map_or(PEER_PORT, |config| config.peer_port);
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let mut ports = vec![
        Port {
            needed: true,
            ..port(Protocol::Udp, (any, vxlan.unwrap_or(DEFAULT_VXLAN_PORT)), "VXLAN", "--vxlan-port")
        },
        Port {
            needed: agent.is_some_and(|agent| agent.encrypts),
            ..port(
                Protocol::Udp,
                (any, tunnel.unwrap_or(DEFAULT_TUNNEL_PORT)),
                "encrypted networks",
                "--tunnel-port",
            )
        },
        Port { needed: is_member(agent), ..port(Protocol::Tcp, (any, peers), "other agents", "--peer-port") },
    ];
    let served = config.and_then(AgentConfig::serves_at);
    let asked = config.map(|config| config.remote.listen.as_slice()).unwrap_or_default();
    let mut listens = |at: &SocketAddr, purpose, setting| {
        ports.push(Port { needed: true, ..port(Protocol::Tcp, (at.ip(), at.port()), purpose, setting) });
    };
    served.iter().for_each(|at| listens(at, "the store that this host serves", "--store-serve"));
    asked.iter().for_each(|at| listens(at, "the API for other hosts", "--host"));
    ports
}

fn port(
    protocol: Protocol,
    (address, number): (IpAddr, u16),
    purpose: &'static str,
    setting: &'static str,
) -> Port {
    Port { protocol, number, purpose, setting, holder: holder(protocol, address, number), needed: false }
}

/// Whether this host has a certificate of its cluster: only then does anything that it needs come by that port.
fn is_member(agent: Option<&Agent>) -> bool {
    let own = agent.map(|agent| member_files(&agent.status.data_dir).certificate);
    let own = own.and_then(|own| fs::read_to_string(own).ok());
    own.is_some_and(|own| !weft_trust::is_self_signed(&own))
}
