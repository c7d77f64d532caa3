//! The packet filter: which packets may come in or pass through the host, and with which addresses.

mod guard;
mod uplinks;

use crate::{Desired, Publish};
use ipnet::IpNet;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
};
use uplinks::Disguised;
use weft_model::{IfName, NetworkId, Protocol, Vni};

/// The nftables table `inet weft`, as `nft -f -` reads it: it replaces the one before at once, so that no
/// packet meets half of it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Ruleset {
    script: String,
    mark: RulesetMark,
}

/// What tells one ruleset from another without reading it back: a digest, kept as the table's comment, and
/// the number of rules, which shows that somebody flushed a chain or added to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesetMark {
    /// The table's comment.
    pub comment: String,
    /// The number of rules in the table.
    pub rules: usize,
}

impl Ruleset {
    /// The rules for the segments, of which these have `uplinks` to the host.
    pub(crate) fn of(desired: &Desired, uplinks: &BTreeSet<Vni>) -> Self {
        let chains = Chains::of(desired, uplinks);
        let body = chains.to_string();
        let mark =
            RulesetMark { comment: format!("weft {:016x}", fnv1a(body.as_bytes())), rules: chains.count() };
        // `add` first, so that `delete` finds a table also where there was none.
        let script = format!(
            "add table inet weft\ndelete table inet weft\ntable inet weft {{\n\tcomment \"{}\"\n{body}}}\n",
            mark.comment
        );
        Self { script, mark }
    }

    /// The input of `nft -f -`.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// What to recognise it by.
    pub fn mark(&self) -> &RulesetMark {
        &self.mark
    }
}

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nftables table inet weft ({} rules, {})", self.mark.rules, self.mark.comment)
    }
}

impl fmt::Debug for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.script)
    }
}

/// The rules of each chain.
#[derive(Default)]
struct Chains {
    sources: Vec<String>,
    arriving: Vec<String>,
    leaving: Vec<String>,
    dnat: Vec<String>,
    masquerade: Vec<String>,
    translated: Vec<String>,
    forward: Vec<String>,
}

impl Chains {
    fn of(desired: &Desired, uplinks: &BTreeSet<Vni>) -> Self {
        let mut networks: BTreeMap<NetworkId, BTreeSet<IfName>> = BTreeMap::new();
        let mut pools: Vec<(IpNet, IfName)> = Vec::new();
        for (vni, segment) in desired.segments.iter().filter(|(vni, _)| uplinks.contains(vni)) {
            let uplink = IfName::uplink(*vni);
            networks.entry(segment.network).or_default().insert(uplink.clone());
            pools.extend(segment.gateways.iter().map(|gateway| (gateway.trunc(), uplink.clone())));
        }
        // VXLAN packets are no connection: each host sends from its own ports to this one, and nothing comes back
        // on them. Our translations would have the kernel follow them all the same, at a sixth of what they carry.
        let ports: BTreeSet<u16> = desired.segments.values().map(|segment| segment.port).collect();
        let untracked = |of_this_host| {
            let rule = move |port| format!("udp dport {port} {of_this_host}notrack");
            ports.iter().map(rule).collect::<Vec<_>>()
        };
        let disguised = Disguised::of(desired, &ports, !uplinks.is_empty());
        let all = Self {
            arriving: [guard::rules(desired), untracked("fib daddr type local ")].concat(),
            leaving: [disguised.sent, untracked("")].concat(),
            translated: disguised.translated,
            ..Self::default()
        };
        if uplinks.is_empty() {
            return all;
        }
        let uplinks: BTreeSet<IfName> = networks.values().flatten().cloned().collect();
        let ours = names(&uplinks);
        let reachable = |publish: &&Publish| pools.iter().any(|(p, _)| p.contains(&publish.target.ip()));
        Self {
            sources: uplinks::sources(&uplinks, &pools),
            arriving: [all.arriving, vec![format!("iifname {ours} jump sources")]].concat(),
            dnat: desired.publish.iter().filter(reachable).map(dnat).collect(),
            masquerade: masquerade(&ours, &pools),
            forward: forward(&ours, networks.values()),
            ..all
        }
    }

    fn count(&self) -> usize {
        let filters = [&self.sources, &self.arriving, &self.leaving, &self.translated, &self.forward];
        // Prerouting and output each have the translations.
        filters.map(Vec::len).iter().sum::<usize>() + 2 * self.dnat.len() + self.masquerade.len()
    }
}

impl fmt::Display for Chains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where others lead to it, before them.
        f.write_str("\tchain sources {\n")?;
        self.sources.iter().try_for_each(|rule| writeln!(f, "\t\t{rule}"))?;
        f.write_str("\t}\n")?;
        // NF_IP_PRI_RAW, _NAT_DST, _NAT_SRC and _FILTER; nft before 1.0.8 has no names for them on every hook. What is
        // after NAT_SRC sees the translated address.
        for (name, hook, rules) in [
            ("raw_prerouting", "type filter hook prerouting priority -300", &self.arriving),
            ("raw_output", "type filter hook output priority -300", &self.leaving),
            ("prerouting", "type nat hook prerouting priority -100", &self.dnat),
            ("output", "type nat hook output priority -100", &self.dnat),
            ("postrouting", "type nat hook postrouting priority 100", &self.masquerade),
            ("translated", "type filter hook postrouting priority 200", &self.translated),
            ("forward", "type filter hook forward priority 0", &self.forward),
        ] {
            write!(f, "\tchain {name} {{\n\t\t{hook}; policy accept;\n")?;
            rules.iter().try_for_each(|rule| writeln!(f, "\t\t{rule}"))?;
            f.write_str("\t}\n")?;
        }
        Ok(())
    }
}

/// A published port: of any address of this host, unless limited to one.
fn dnat(publish: &Publish) -> String {
    let family = family(publish.target.ip());
    let to = match publish.host_ip {
        Some(ip) if ip.is_ipv4() == publish.target.is_ipv4() && !ip.is_unspecified() => {
            format!("{family} daddr {ip} ")
        }
        _ => String::new(),
    };
    let protocol = match publish.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let nfproto = if publish.target.is_ipv4() { "ipv4" } else { "ipv6" };
    let target = SocketAddr::new(publish.target.ip(), publish.target.port());
    format!(
        "meta nfproto {nfproto} fib daddr type local {to}{protocol} dport {} dnat {family} to {target}",
        publish.host_port
    )
}

/// What leaves the host does so under the host's address. A published port reached from the host itself, or
/// from a container of the segment it is on, gets the uplink's, so that the answer comes back this way.
fn masquerade(ours: &str, pools: &[(IpNet, IfName)]) -> Vec<String> {
    let mut rules = Vec::new();
    for (pool, uplink) in pools {
        let family = family(pool.addr());
        rules.push(format!("oifname != {ours} {family} saddr {pool} masquerade"));
        rules.push(format!("oifname \"{uplink}\" {family} saddr {pool} ct status dnat masquerade"));
    }
    rules.push(format!("oifname {ours} ip saddr 127.0.0.0/8 masquerade"));
    rules
}

/// Networks do not reach each other, nor does the outside reach into them, but for published ports.
fn forward<'a>(ours: &str, networks: impl Iterator<Item = &'a BTreeSet<IfName>>) -> Vec<String> {
    let mut rules = vec![
        format!("oifname != {ours} accept"),
        "ct state established,related accept".to_owned(),
        "ct status dnat accept".to_owned(),
    ];
    for uplinks in networks {
        let uplinks = names(uplinks);
        rules.push(format!("iifname {uplinks} oifname {uplinks} accept"));
    }
    rules.push("drop".to_owned());
    rules
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "ip" } else { "ip6" }
}

/// An anonymous set of interface names.
fn names<'a>(names: impl IntoIterator<Item = &'a IfName>) -> String {
    set(names.into_iter().map(|name| format!("\"{name}\"")))
}

/// An anonymous set.
fn set(members: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let members: Vec<_> = members.into_iter().map(|member| member.to_string()).collect();
    format!("{{ {} }}", members.join(", "))
}

/// FNV-1a, 64 bits: the same on every version, which the standard library's hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
