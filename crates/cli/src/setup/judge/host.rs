//! The kernel, and how it is set.

use super::{as_root, install};
use crate::setup::{
    facts::{Facts, Feature, Trial},
    finding::{Finding, Mend},
};
use weft_model::{MIN_IPV6_MTU, overlay_mtu};

pub(in crate::setup) fn kernel(facts: &Facts) -> Finding {
    const CHECK: &str = "kernel";
    if !facts.root {
        return Finding::warning(CHECK, "whether it can do VXLAN is for root to try", as_root(facts));
    }
    let failed = facts.kernel.iter().find_map(|Trial { what, result }| Some((what, result.as_ref().err()?)));
    let Some((what, why)) = failed else {
        return Finding::ok(CHECK, "makes namespaces, bridges, veth pairs, VXLAN devices and nftables rules");
    };
    let (thing, mend) = match what {
        Feature::Namespaces => {
            ("network namespaces", Mend::by_hand("run weft on the host itself, not in a container"))
        }
        Feature::Bridge => ("bridges", modules(facts, "bridge")),
        Feature::Veth => ("veth pairs", modules(facts, "veth")),
        Feature::Vxlan => ("VXLAN devices", modules(facts, "vxlan")),
        Feature::NftProgram => ("nftables rules", install(facts, "nftables")),
        Feature::Nftables => (
            "nftables rules",
            Mend::by_hand("a kernel with nftables' nat, masq, ct and fib, as distributions' are"),
        ),
    };
    Finding::missing(CHECK, format!("it makes no {thing}: {why}"), vec![mend])
}

/// The kernel loads a module by itself where it is installed.
pub(in crate::setup) fn modules(facts: &Facts, module: &str) -> Mend {
    if facts.distribution.contains("ubuntu") {
        // Ubuntu's kernels for clouds and boards have VXLAN in a package of its own.
        return Mend::by_hand("apt-get install linux-modules-extra-$(uname -r)");
    }
    Mend::by_hand(format!("a kernel with the module {module}; `modprobe {module}` says what it lacks"))
}

pub(in crate::setup) fn forwarding(facts: &Facts) -> Finding {
    const CHECK: &str = "forwarding";
    if facts.forwards_ipv4 {
        return Finding::ok(CHECK, "net.ipv4.ip_forward is 1");
    }
    let what = "net.ipv4.ip_forward is 0: containers have no way out, and no published ports";
    // The engine and the agent switch it on when they have use for it; one that runs had, and it was undone.
    if facts.engine.here().is_some() {
        Finding::missing(CHECK, what, vec![Mend::command("sysctl -w net.ipv4.ip_forward=1")])
    } else {
        Finding::ok(CHECK, "net.ipv4.ip_forward is 0 until the engine or the agent switches it on")
    }
}

pub(in crate::setup) fn bridges(facts: &Facts) -> Finding {
    let value = u8::from(facts.filters_bridges);
    Finding::ok(
        "bridges",
        format!(
            "bridge-nf-call-iptables is {value}, which does not matter: weft's are in namespaces of their own"
        ),
    )
}

pub(in crate::setup) fn mtu(facts: &Facts) -> Finding {
    const CHECK: &str = "mtu";
    let Some(underlay) = &facts.underlay else {
        return Finding::warning(
            CHECK,
            "which interface VXLAN takes is known when the agent runs",
            Vec::new(),
        );
    };
    let overlay = overlay_mtu(underlay.mtu, underlay.address);
    let carries =
        format!("{} carries {} bytes, so networks carry {overlay}", underlay.interface, underlay.mtu);
    if overlay < MIN_IPV6_MTU {
        return Finding::warning(
            CHECK,
            format!("{carries}: too few for IPv6 (RFC 8200 section 5)"),
            vec![Mend::by_hand(format!(
                "ip link set {} mtu 1500, if the network can do it",
                underlay.interface
            ))],
        );
    }
    Finding::ok(CHECK, carries)
}
