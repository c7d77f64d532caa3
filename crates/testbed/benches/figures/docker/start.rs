//! How long a container takes to start, and whether its name is known on the other host by then.

use super::hosts::{Hosts, Kind, ok, timed};
use crate::{
    cluster::SOON,
    names::{asker, is_known},
    raw::milliseconds,
    table::{Must, Reference, Table, median, worst},
};
use serde_json::json;
use std::time::Instant;
use weft_testbed::until;

const ROUNDS: usize = 20;

pub(crate) fn measure(hosts: &Hosts, table: &mut Table) {
    let [here, there] = &hosts.engines;
    hosts.create_network_and_use_it("started");
    let pid = there.docker("inspect -f {{.State.Pid}} asker");
    there.host().run(&["ip", "netns", "attach", "asker", &pid]);
    let socket = asker(there.host());
    timed(here, "POST", "/networks/create", Some(&json!({"Name": "plain", "Driver": "bridge"})));
    let (mut started, mut started_plain, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let mut at_once = 0_u32;
    for round in 0..ROUNDS {
        let name = format!("named{round}");
        here.docker(&format!("create --net started --name {name} busybox sleep 86400"));
        started.push(timed(here, "POST", &format!("/containers/{name}/start"), None));
        let start = Instant::now();
        let mut asked = 0_u32;
        until("the name is known", SOON, || {
            asked += 1;
            is_known(&socket, &name)
        });
        at_once += u32::from(asked == 1);
        after.push(milliseconds(start.elapsed()));
        here.docker(&format!("rm -f {name}"));
        here.docker("create --net plain --name plain busybox sleep 86400");
        started_plain.push(timed(here, "POST", "/containers/plain/start", None));
        here.docker("rm -f plain");
    }
    there.host().run(&["ip", "netns", "delete", "asker"]);
    for engine in &hosts.engines {
        engine.docker("rm -f asker");
    }
    ok(&here.request("DELETE", "/networks/started", None));
    let of = |figure| hosts.kind.of(figure);
    let plain = Some(Reference { value: median(started_plain), what: "a plain bridge" });
    table.add(of("start a container"), (median(started), "ms"), plain, Must::Inform);
    let must = if hosts.kind == Kind::Weft { Must::Reach(100.0) } else { Must::Inform };
    let share = 100.0 * f64::from(at_once) / ROUNDS as f64;
    table.add(of("name known there when start returns"), (share, "%"), None, must);
    table.add(of("… answered after that, at the latest"), (worst(&after), "ms"), None, Must::Inform);
}

impl Hosts {
    /// Makes a network with a container on each host: Swarm's overlay is nowhere else.
    fn create_network_and_use_it(&self, name: &str) {
        if self.kind == Kind::Weft {
            self.create_network(name);
        } else {
            ok(&self.engines[0].request("POST", "/networks/create", Some(&self.network(name))));
        }
        for engine in &self.engines {
            engine.docker(&format!("run -d --net {name} --name asker busybox sleep 86400"));
        }
    }
}
