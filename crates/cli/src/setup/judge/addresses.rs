//! Subnets that are in use elsewhere, too.

use crate::setup::{
    facts::{Facts, Route},
    finding::{Finding, Mend},
};
use weft_ipam::free_pool;
use weft_model::IpNet;

const CHECK: &str = "subnets";

/// What clashes, or that nothing does.
pub(in crate::setup) fn addresses(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = clashes(facts).collect();
    findings.extend(exhausted(facts));
    findings.extend(contested(facts));
    if findings.is_empty() {
        let pools: Vec<_> = facts.address_pools.iter().map(ToString::to_string).collect();
        findings.push(Finding::ok(
            CHECK,
            format!("no network clashes; new ones come from {}", pools.join(" and ")),
        ));
    }
    findings
}

/// Networks of the cluster with addresses that something else has, too: their containers on this host do not reach
/// that.
fn clashes(facts: &Facts) -> impl Iterator<Item = Finding> {
    let networks = facts.agent.here().map(|agent| agent.networks.as_slice()).unwrap_or_default();
    networks.iter().flat_map(move |(name, subnets)| {
        subnets.iter().filter_map(move |subnet| {
            let other = owner(facts, subnet)?;
            Some(Finding::warning(
                CHECK,
                format!("network {name} has {subnet}, but so has {other}: its containers here do not reach that"),
                vec![Mend::by_hand(format!(
                    "make it again with another: weft network rm {name}; weft network create --subnet=… {name}"
                ))],
            ))
        })
    })
}

/// What else uses a part of `subnet`, in words.
fn owner(facts: &Facts, subnet: &IpNet) -> Option<String> {
    let networks = facts.engine.here().map(|engine| engine.networks.as_slice()).unwrap_or_default();
    let network = networks.iter().find(|(_, subnets)| subnets.iter().any(|other| overlap(other, subnet)));
    if let Some((name, _)) = network {
        return Some(format!("the engine's network {name}"));
    }
    let route = facts.routes.iter().find(|route| overlap(&route.to, subnet));
    route.map(|Route { to, interface }| format!("the route of this host to {to} over {interface}"))
}

/// Whether new networks without a subnet of their own find none.
fn exhausted(facts: &Facts) -> Option<Finding> {
    let routes = facts.routes.iter().map(|route| route.to);
    let bridges =
        facts.engine.here().into_iter().flat_map(|engine| &engine.networks).flat_map(|(_, nets)| nets);
    let taken: Vec<IpNet> = routes.chain(bridges.copied()).collect();
    free_pool(&facts.address_pools, &taken).is_err().then(|| {
        Finding::missing(
            CHECK,
            "routes of this host cover all that new networks take their subnets from",
            vec![elsewhere()],
        )
    })
}

/// Whether the engine gives its bridges subnets out of the same range, which a later network may have.
fn contested(facts: &Facts) -> Option<Finding> {
    let theirs = facts.engine.here()?.address_pools.as_slice();
    let pool =
        theirs.iter().find(|pool| facts.address_pools.iter().any(|ours| overlap(&ours.base(), pool)))?;
    Some(Finding::warning(
        CHECK,
        format!(
            "the engine takes subnets for its own bridges from {pool}, where weft takes its networks' from"
        ),
        vec![elsewhere()],
    ))
}

fn elsewhere() -> Mend {
    Mend::by_hand(
        "another range, on all hosts, in /etc/weft/weft.toml: default-address-pool = \"base=…,size=24\"",
    )
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}
