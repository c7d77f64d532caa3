//! weft as a driver of Docker's newest engine, beside what that engine has of its own: a plain bridge of one
//! host, and Swarm's overlay.

mod churn;
mod connect;
mod hosts;
mod networks;
mod start;

use crate::{cluster::Cluster, table::Table};
use hosts::Hosts;

/// Everything but the endurance.
pub(crate) fn measure(_: &Cluster, table: &mut Table) {
    let Some(hosts) = Hosts::with_weft() else { return };
    networks::measure(&hosts, table);
    connect::measure(&hosts, table);
    start::measure(&hosts, table);
    drop(hosts);
    // Engines of their own: Swarm takes the VXLAN port, too.
    let Some(hosts) = Hosts::with_swarm() else { return };
    networks::measure(&hosts, table);
    connect::measure(&hosts, table);
    start::measure(&hosts, table);
}

/// Whether anything breaks or grows.
pub(crate) fn endure(_: &Cluster, table: &mut Table) {
    let Some(hosts) = Hosts::with_weft() else { return };
    churn::measure(&hosts, table);
}
