//! From steps to the kernel.

use super::kernel::{Error, Kernel};
use crate::Report;
use rustix::io::Errno;
use weft_model::{IfName, chain};
use weft_netlink::NetlinkError;
use weft_plan::{Change, Entry, Kind, Netns, Step};
use weft_trust::TunnelSecret;

/// Takes steps in their order. Leaves the calling thread in another network namespace.
pub(crate) fn apply(steps: &[Step], secret: Option<TunnelSecret>) -> Report {
    let mut report = Report::default();
    let mut kernel = match Kernel::new(secret) {
        Ok(kernel) => kernel,
        Err(error) => {
            for step in steps {
                report.record(step, Err(chain(&error)));
            }
            return report;
        }
    };
    // What links hold comes by the thousands, and goes to the kernel at once. So do links of ours that are deleted.
    let alike = |a: &Step, b: &Step| is_entry(a) && is_entry(b) || is_removal(a) && is_removal(b);
    let together = |a: &Step, b: &Step| alike(a, b) && a.netns() == b.netns();
    for steps in steps.chunk_by(together) {
        let (doomed, steps): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| kernel.is_doomed(step));
        report.skipped += doomed.len();
        let results = match steps.as_slice() {
            [step] if !is_entry(step) => vec![kernel.take(step)],
            [first, _, ..] if is_removal(first) => kernel.delete_links(&steps),
            entries => kernel.entries(entries),
        };
        for (step, result) in steps.into_iter().zip(results) {
            let result =
                result.or_else(|error| if is_gone_anyway(step, &error) { Ok(()) } else { Err(error) });
            if result.is_err() {
                kernel.doom(step);
            }
            report.record(step, result.map_err(|error| explain(step, &error)));
        }
    }
    kernel.settle(steps);
    report
}

fn is_entry(step: &Step) -> bool {
    // The ends of tunnels are not the routing tables' business.
    matches!(step, Step::Add(_, _, entry) | Step::Delete(_, _, entry) if !matches!(entry, Entry::Peer(_)))
}

/// Whether it deletes a link where all links are ours.
fn is_removal(step: &Step) -> bool {
    matches!(step, Step::DeleteLink(Netns::Segment(_), _))
}

/// Whether a step failed to delete what is not there.
fn is_gone_anyway(step: &Step, error: &Error) -> bool {
    let gone = [Errno::NODEV, Errno::NOENT, Errno::SRCH, Errno::ADDRNOTAVAIL].map(Errno::raw_os_error);
    matches!(step, Step::DeleteLink(..) | Step::Delete(..) | Step::DeleteRoute(..))
        && match error {
            Error::Netlink(NetlinkError::NoLink(_)) => true,
            Error::Netlink(error) => error.errno().is_some_and(|errno| gone.contains(&errno)),
            Error::Namespace(error) => error.is_gone(),
            Error::Other(_) => false,
        }
}

/// Why a step failed, and where that is known, what to do.
fn explain(step: &Step, error: &Error) -> String {
    let is = |errno: Errno| matches!(error, Error::Netlink(e) if e.errno() == Some(errno.raw_os_error()));
    match step {
        Step::CreateLink { kind: Kind::Vxlan { vni, port, .. }, .. } if is(Errno::EXIST) => format!(
            "another device of this host has VNI {vni} on UDP port {port}. If it is weft's own, the kernel is \
             still removing it, and the next attempt succeeds; if not, give the network another VNI"
        ),
        Step::CreateLink { kind, .. } if is(Errno::OPNOTSUPP) => match module(kind) {
            Some(module) => format!(
                "this kernel has no {module} ({}): load it with `modprobe {module}`, or boot a kernel that has it",
                chain(error)
            ),
            None => chain(error),
        },
        Step::SetLink(_, name, Change::Up(true)) if *name == IfName::vxlan() && is(Errno::ADDRINUSE) => {
            "another program of this host has the UDP port of VXLAN: see which with `ss -lunp`, and stop it, or give \
             all agents another --vxlan-port"
                .to_owned()
        }
        Step::SetLink(_, name, Change::Up(true) | Change::Tunnel(_)) if *name == IfName::tunnel() && is(Errno::ADDRINUSE) => {
            "another program of this host has the UDP port of the tunnels: see which with `ss -lunp`, and stop it, or give \
             this agent another --tunnel-port. Where it shows no program, it is another WireGuard device, or something still \
             runs in an earlier namespace weft-tunnel"
                .to_owned()
        }
        Step::SetGate(_) if [Errno::OPNOTSUPP, Errno::AFNOSUPPORT, Errno::NOENT].into_iter().any(is) => format!(
            "this kernel has no nftables for bridges ({}), which keep what other hosts send from this one's gateways: boot \
             one with CONFIG_NF_TABLES_BRIDGE, or make the network with --internal",
            chain(error)
        ),
        _ if is(Errno::PERM) => format!("{}: the agent needs CAP_NET_ADMIN over this host's network", chain(error)),
        _ => chain(error),
    }
}

/// The kernel's module for a kind of link that weft makes.
fn module(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Bridge => Some("bridge"),
        Kind::Vxlan { .. } => Some("vxlan"),
        Kind::Veth => Some("veth"),
        Kind::WireGuard => Some("wireguard"),
        Kind::Loopback | Kind::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use weft_netlink::{NewLink, Socket};
    use weft_plan::Netns;

    fn create(kind: Kind) -> Step {
        let (mtu, alias) = (1450, String::new());
        Step::CreateLink {
            netns: Netns::Host,
            name: IfName::vxlan(),
            kind,
            alias,
            mac: None,
            mtu,
            peer: None,
        }
    }

    /// As the kernel refuses a kind that it does not have.
    #[test]
    fn a_kernel_that_lacks_something_is_named() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: the kernel tells root only what it lacks");
            return;
        }
        let ask = || {
            weft_netlink::unshare_network().unwrap();
            let link = NewLink { name: "none0", mac: None, mtu: 1450 };
            Socket::open().unwrap().request(link.of_kind("nosuchkind")).unwrap_err()
        };
        let refused = std::thread::spawn(ask).join().unwrap();
        assert_eq!(refused.errno(), Some(Errno::OPNOTSUPP.raw_os_error()), "{refused}");
        let vxlan = Kind::Vxlan {
            vni: "256".parse().unwrap(),
            vtep: Ipv4Addr::LOCALHOST.into(),
            port: 4789,
            carrier: weft_plan::Carrier::Host,
        };
        let said = explain(&create(vxlan), &Error::Netlink(refused));
        assert!(said.contains("no vxlan") && said.contains("modprobe vxlan"), "{said}");
    }

    #[test]
    fn a_port_that_is_anothers_is_named() {
        let refused = || {
            Error::Netlink(NetlinkError::Refused { errno: Errno::ADDRINUSE.raw_os_error(), message: None })
        };
        let up = |name| Step::SetLink(Netns::Host, name, Change::Up(true));
        assert!(explain(&up(IfName::vxlan()), &refused()).contains("--vxlan-port"));
        assert!(!explain(&up(IfName::bridge()), &refused()).contains("--vxlan-port"));
    }
}
