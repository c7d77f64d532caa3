//! What many endpoints on one network cost an agent that has one of them.
//!
//! Others' endpoints are written past weft, on a node that has no agent: as if other nodes had attached them.

mod attach;
mod idle;
mod records;
mod repair;
mod stage;
mod store;

use crate::{cluster::Cluster, table::Table};
use stage::Stage;
use store::Store;

/// How many endpoints the network has, and how they are printed.
const SIZES: [(u32, &str); 4] = [(100, "100"), (1_000, "1,000"), (10_000, "10,000"), (50_000, "50,000")];

pub(crate) fn on_consul(_: &Cluster, table: &mut Table) {
    measure(Store::Consul, table);
}

pub(crate) fn on_etcd(_: &Cluster, table: &mut Table) {
    measure(Store::Etcd, table);
}

fn measure(store: Store, table: &mut Table) {
    let Some(mut stage) = Stage::up(store) else { return };
    let mut smallest = None;
    for (endpoints, size) in SIZES {
        stage.grow(endpoints);
        let goal = endpoints == 10_000;
        if goal || endpoints == 1_000 {
            idle::measure(&mut stage, size, goal, table);
        }
        if goal {
            repair::measure(&stage, size, table);
            idle::status(&stage, table);
        }
        let attached = attach::further(&stage, size, smallest, table);
        smallest = smallest.or(Some(attached));
        if goal {
            attach::first_and_last(&stage, size, table);
        }
    }
}
