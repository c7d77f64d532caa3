//! What is to be said of the paths to the other hosts.

use super::Reporter;
use crate::paths::{KnownPaths, close, measured};
use std::collections::BTreeSet;
use weft_model::{NetworkId, Node, NodeName, Vni, underlay_mtu};
use weft_path::{Path, Reach};
use weft_state::cluster::Cluster;
use weft_verbs::PeerPath;

impl Reporter {
    /// The paths, as they were measured last, and what is wrong with them.
    pub(crate) fn measured_paths(&self, cluster: &Cluster) -> Vec<PeerPath> {
        let known = self.nodes.paths();
        let nodes = measured(cluster, &self.config.node_name, &self.access.identity().id());
        let measured = |(id, (name, node, _)): (_, (&NodeName, &Node, _))| {
            let path = *known.paths.get(&id)?;
            let is_lost = matches!(path.reach, Reach::Nothing | Reach::OnlyFromThere);
            let blocked = is_lost && node.vxlan_port == self.config.vxlan_port;
            let trouble = self.trouble_of_path(cluster, (name, node), &path);
            Some(PeerPath { node: name.clone(), vtep: node.vtep, path, blocked, trouble })
        };
        // Who is down answers nobody.
        nodes.into_iter().filter(|(_, (name, ..))| cluster.is_up(name)).filter_map(measured).collect()
    }

    fn trouble_of_path(&self, cluster: &Cluster, of: (&NodeName, &Node), path: &Path) -> Option<String> {
        let ((name, node), port) = (of, self.config.vxlan_port);
        let here = self.config.reached_at(self.host.underlay().borrow().address);
        let there = node.vtep;
        if node.vxlan_port != port {
            return Some(format!(
                "{name} receives VXLAN packets on port {}/udp and this host on {port}/udp, so that nothing passes between \
                 their containers: give all hosts the same --vxlan-port",
                node.vxlan_port
            ));
        }
        match path.reach {
            Reach::Nothing => Some(format!(
                "no packets from {name} ({there}) arrive here by VXLAN, so that containers here and there do not reach each \
                 other, unless it is only the agent there that hangs or was killed: open {port}/udp on this host for {there}, on \
                 {name} for {here}, and in between (security groups)"
            )),
            Reach::OnlyFromThere => Some(format!(
                "no packets from this host arrive on {name} ({there}) by VXLAN, while those from there arrive here: open \
                 {port}/udp on {name} for {here}, and in between (security groups)"
            )),
            Reach::Both if path.is_narrow() => self.narrow(cluster, name, path),
            Reach::Both | Reach::Unknown => None,
        }
    }

    /// That large packets do not pass, where containers send such.
    fn narrow(&self, cluster: &Cluster, name: &NodeName, path: &Path) -> Option<String> {
        let passes = path.passes()?;
        let mtus = self.rounds.kernel().map(|kernel| kernel.mtus.clone()).unwrap_or_default();
        let is_shared = |id: &NetworkId| {
            let mut endpoints = cluster.endpoints.get(id).into_iter().flat_map(|all| all.values());
            endpoints.any(|endpoint| endpoint.node == *name)
        };
        let of_shared: Vec<_> = mtus.iter().filter(|(id, _)| is_shared(id)).collect();
        let larger = of_shared.iter().filter(|(_, mtu)| **mtu > u32::from(passes));
        let larger: BTreeSet<_> =
            larger.filter_map(|(id, _)| Some(cluster.networks.get(*id)?.name.as_str())).collect();
        if !of_shared.is_empty() && larger.is_empty() {
            return None;
        }
        let way = match (path.sends, path.receives) {
            (Some(sends), Some(receives)) if sends == receives => "between this host and",
            (sends, receives) if receives.is_none() || sends.is_some_and(|sends| sends == passes) => {
                "from this host to"
            }
            _ => "to this host from",
        };
        let size = underlay_mtu(passes.into(), self.host.underlay().borrow().address);
        let what = format!(
            "only packets of up to {passes} bytes pass {way} {name}, and containers send such of {}: what is between the hosts \
             carries less than their interfaces say",
            path.full
        );
        Some(match larger.is_empty() {
            true => format!(
                "{what}. Networks that are on both will keep to it (the kernel does with `ip route change … mtu {size}` on both)"
            ),
            false => format!(
                "{what}. Networks without -o mtu keep to it within seconds; make {} anew without it, or with -o mtu={passes} at \
                 most",
                larger.into_iter().collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// That networks carry less than the hosts' devices would, since what is between carries less.
    pub(super) fn lowered(&self, cluster: &Cluster) -> Option<String> {
        let underlay = self.host.underlay().borrow().clone();
        let (between, devices) = (underlay.carried()?, underlay.more_in_devices()?);
        let paths = self.measured_paths(cluster);
        let close = close(cluster, &self.config.node_name);
        let narrow = paths.iter().filter(|path| path.path.is_narrow() && close.contains(&path.node));
        let narrow = narrow.min_by_key(|path| path.path.passes())?;
        Some(format!(
            "networks without -o mtu are kept to what gets to {}: packets of up to {between} bytes between the hosts, whose devices \
             carry {devices}. What is between cuts it down (a tunnel, a VPN, PPPoE), or its MTU is set too low",
            narrow.node
        ))
    }

    /// Why no path is measured, if that is so.
    pub(super) fn unmeasured(&self, cluster: &Cluster) -> Option<String> {
        let KnownPaths { trouble, .. } = &*self.nodes.paths();
        let taken = || {
            let network = cluster.networks.get(cluster.vnis.get(&Vni::PROBES)?)?;
            Some(format!(
                "paths to other hosts are not measured: network {} has VNI {}, which is for that; make it anew to have it \
                 another",
                network.name,
                Vni::PROBES
            ))
        };
        taken().or_else(|| trouble.clone())
    }
}
