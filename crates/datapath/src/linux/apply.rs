//! From steps to the kernel.

use super::{
    chain,
    kernel::{Error, Kernel},
};
use crate::Report;
use rustix::io::Errno;
use weft_netlink::NetlinkError;
use weft_plan::{Kind, Place, Step};

/// Takes steps in their order. Leaves the calling thread in another network namespace.
pub(crate) fn apply(steps: &[Step]) -> Report {
    let mut report = Report::default();
    let mut kernel = match Kernel::new() {
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
    let together = |a: &Step, b: &Step| alike(a, b) && a.place() == b.place();
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
    matches!(step, Step::Add(..) | Step::Delete(..))
}

/// Whether it deletes a link where all links are ours.
fn is_removal(step: &Step) -> bool {
    matches!(step, Step::DeleteLink(Place::Segment(_), _))
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

fn explain(step: &Step, error: &Error) -> String {
    let exists = matches!(error, Error::Netlink(e) if e.errno() == Some(Errno::EXIST.raw_os_error()));
    match step {
        Step::CreateLink { kind: Kind::Vxlan { vni, port, .. }, .. } if exists => format!(
            "another device of this host has VNI {vni} on UDP port {port}. If it is weft's own, the kernel is \
             still removing it, and the next attempt succeeds; if not, give the network another VNI"
        ),
        _ => chain(error),
    }
}
