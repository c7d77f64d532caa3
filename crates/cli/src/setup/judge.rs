//! What the facts mean: pure, so that the facts of any host can be tried.

pub(super) mod addresses;
pub(super) mod boot;
pub(super) mod doors;
pub(super) mod firewall;
pub(super) mod host;

pub(super) use firewall::{Between, others};

use super::{
    facts::Facts,
    finding::{Finding, Mend},
};

/// Every finding, in the order in which they are best looked at.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let one = [doors::engine, doors::agent, doors::plugin, boot::boot, host::kernel, host::forwarding];
    let mut findings: Vec<Finding> = one.iter().map(|check| check(facts)).collect();
    findings.extend([host::bridges(facts), host::mtu(facts)]);
    findings.extend(firewall::firewall(facts));
    findings.extend(addresses::addresses(facts));
    findings
}

/// How to run this command as root, if it does not.
pub(super) fn as_root(facts: &Facts) -> Vec<Mend> {
    if facts.root { Vec::new() } else { vec![Mend::by_hand(facts.as_root)] }
}

/// How this distribution installs a package.
pub(super) fn install(facts: &Facts, package: &str) -> Mend {
    let like = |name: &str| facts.distribution.split_whitespace().any(|word| word == name);
    let installer = if like("debian") || like("ubuntu") {
        "apt-get install"
    } else if like("fedora") || like("rhel") {
        "dnf install"
    } else if like("suse") || like("opensuse") {
        "zypper install"
    } else {
        return Mend::by_hand(format!("install the package {package}"));
    };
    Mend::by_hand(format!("{installer} {package}"))
}

#[cfg(test)]
pub(super) mod tests;
