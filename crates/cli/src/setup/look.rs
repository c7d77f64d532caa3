//! Gathering the facts. Changes nothing.

mod boot;
mod doors;
mod filter;
mod kernel;
mod network;
pub(super) mod program;

pub(super) use filter::{firewalld_zone, read as read_filter};
pub(super) use kernel::link;
pub(super) use network::{underlay, uplinks};

use super::facts::Facts;
use crate::{
    agent,
    client::{Client, UnixSocket},
};
use std::{fs, path::Path};

/// Where an engine listens unless told otherwise.
pub(super) const DOCKER_SOCKET: &str = "unix:///var/run/docker.sock";
/// Where engines find the drivers of the agent.
pub(super) const PLUGIN_SOCKET: &str = "/run/docker/plugins/weft.sock";

/// Everything that matters to Docker's containers.
pub(super) async fn look(client: &Client, docker_socket: &UnixSocket) -> Facts {
    let root = rustix::process::geteuid().is_root();
    let engine = doors::engine(docker_socket).await;
    let agent = doors::agent(client).await;
    let underlay = network::underlay(agent.here().map(|agent| agent.status.vtep));
    let firewalld_zone = filter::firewalld_zone(underlay.as_ref()).await;
    Facts {
        root,
        as_root: "sudo weft setup docker",
        distribution: distribution(),
        docker_socket: docker_socket.to_string(),
        plugin: doors::plugin().await,
        boot: boot::boot().await,
        kernel: if root { kernel::try_out() } else { Vec::new() },
        forwards_ipv4: sysctl("net/ipv4/ip_forward") == Some(1),
        filters_bridges: sysctl("net/bridge/bridge-nf-call-iptables") == Some(1),
        filter: filter::read().await,
        firewalld_zone,
        routes: network::routes(),
        address_pools: agent::configured_address_pools(),
        engine,
        agent,
        underlay,
    }
}

/// A number that the kernel shows under /proc/sys, if it is there.
pub(super) fn sysctl(key: &str) -> Option<usize> {
    fs::read_to_string(Path::new("/proc/sys").join(key)).ok()?.trim().parse().ok()
}

/// `ID` and `ID_LIKE` of os-release(5).
fn distribution() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let values = release.lines().filter_map(|line| {
        let value = line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE="))?;
        Some(value.trim_matches(['"', '\'']))
    });
    values.collect::<Vec<_>>().join(" ")
}
