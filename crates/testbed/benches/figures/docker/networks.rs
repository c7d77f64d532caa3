//! How long networks take to be made, to be seen by the other engine, and to be removed.

use super::hosts::{Hosts, Kind, timed};
use crate::{
    cluster::SOON,
    raw::milliseconds,
    table::{Must, Reference, Table, median},
};
use serde_json::json;
use std::time::Instant;
use weft_testbed::until;

const ROUNDS: usize = 20;

pub(crate) fn measure(hosts: &Hosts, table: &mut Table) {
    let engine = &hosts.engines[0];
    let (mut created, mut seen, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bridge_created, mut bridge_removed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("bench{round}");
        created.push(timed(engine, "POST", "/networks/create", Some(&hosts.network(&name))));
        // Swarm's is there only where it is used.
        if hosts.kind == Kind::Weft {
            let start = Instant::now();
            until("the other engine has the network", SOON, || hosts.knows_network(1, &name));
            seen.push(milliseconds(start.elapsed()));
        }
        removed.push(timed(engine, "DELETE", &format!("/networks/{name}"), None));
        if hosts.kind == Kind::Weft {
            until("the other engine has let go of it", SOON, || !hosts.knows_network(1, &name));
        }
        let body = json!({"Name": "plain", "Driver": "bridge"});
        bridge_created.push(timed(engine, "POST", "/networks/create", Some(&body)));
        bridge_removed.push(timed(engine, "DELETE", "/networks/plain", None));
    }
    let weft = hosts.kind == Kind::Weft;
    let must = |must| if weft { must } else { Must::Inform };
    let plain = |value| Some(Reference { value, what: "a plain bridge" });
    let of = |figure| hosts.kind.of(figure);
    let (bridge_created, bridge_removed) = (median(bridge_created), median(bridge_removed));
    table.add(of("network create"), (median(created), "ms"), plain(bridge_created), must(Must::Be(10.0)));
    if weft {
        let what = of("… seen by the other engine, after that");
        table.add(what, (median(seen), "ms"), None, Must::Be(15.0));
    }
    table.add(of("network rm"), (median(removed), "ms"), plain(bridge_removed), must(Must::Be(10.0)));
}
