//! What it all means: pure, so that any host can be tried.

mod files;
mod net;
mod nodes;
mod services;

use super::facts::More;
use crate::setup::{facts::Facts, finding::Finding, judge as of_setup};

/// Every finding, from the host itself to what is further away.
pub(super) fn judge(facts: &Facts, more: &More) -> Vec<Finding> {
    let mut findings = vec![of_setup::host::kernel(facts), net::encryption(facts, more)];
    findings.extend([net::forwarding(facts), net::reverse_path(more), of_setup::host::bridges(facts)]);
    findings.push(net::neighbours(facts, more));
    findings.extend(files::all(facts, more));
    findings.push(services::boot(facts));
    findings.push(services::agent(facts, more));
    findings.extend(services::problems(facts));
    findings.extend([services::engine(facts)]);
    findings.extend(services::plugin(facts));
    findings.push(services::store(facts, more));
    findings.push(nodes::clock(facts, more));
    findings.extend(nodes::nodes(facts));
    findings.push(nodes::versions(facts));
    findings.extend(net::ports(more));
    findings.extend(net::ways(facts, more));
    findings.extend(net::mtu(facts));
    findings.extend(of_setup::firewall::firewall(facts));
    findings.extend(of_setup::addresses::addresses(facts));
    findings
}

#[cfg(test)]
mod tests;
