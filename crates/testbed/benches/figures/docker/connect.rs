//! How long it takes to put a running container on a network, and off it.

use super::hosts::{Hosts, Kind, connect, disconnect, timed};
use crate::table::{Must, Reference, Table, median};
use serde_json::json;

const ROUNDS: usize = 40;

pub(crate) fn measure(hosts: &Hosts, table: &mut Table) {
    let engine = &hosts.engines[0];
    hosts.create_network("bench");
    timed(engine, "POST", "/networks/create", Some(&json!({"Name": "plain", "Driver": "bridge"})));
    // One stays on each: the first and the last on a network make it and unmake it.
    for container in ["stays", "moves"] {
        engine.docker(&format!("run -d --name {container} busybox sleep 86400"));
    }
    for network in ["bench", "plain"] {
        connect(engine, network, "stays");
    }
    let mut figures = [(); 4].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        let [joined, left, joined_plain, left_plain] = &mut figures;
        joined.push(connect(engine, "bench", "moves"));
        left.push(disconnect(engine, "bench", "moves"));
        joined_plain.push(connect(engine, "plain", "moves"));
        left_plain.push(disconnect(engine, "plain", "moves"));
    }
    engine.docker("rm -f stays moves");
    engine.docker("network rm bench plain");
    let [joined, left, joined_plain, left_plain] = figures.map(median);
    let plain = |value| Some(Reference { value, what: "a plain bridge" });
    let must = if hosts.kind == Kind::Weft { Must::Cost(1.15) } else { Must::Inform };
    table.add(hosts.kind.of("connect a container"), (joined, "ms"), plain(joined_plain), must);
    table.add(hosts.kind.of("disconnect it"), (left, "ms"), plain(left_plain), Must::Inform);
}
