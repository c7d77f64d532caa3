//! How soon a name is known on the other host, and how many are answered.

use crate::{
    cluster::{Cluster, SOON},
    echo,
    raw::milliseconds,
    table::{Must, Reference, Table, median, worst},
};
use std::{
    env,
    net::UdpSocket,
    time::{Duration, Instant},
};
use weft_testbed::{Host, until};

const ROUNDS: usize = 30;
/// Where names are asked for in a container.
const SERVER: &str = "127.0.0.11:53";
/// Where nothing is known.
const ECHO: &str = "127.0.0.1:5300";

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network("bench");
    for host in [one, two] {
        host.run(&["ip", "netns", "add", "asker"]);
        host.run(&["weft", "attach", "--netns", "/run/netns/asker", "--net", "bench", "--name", host.name()]);
    }
    known_elsewhere(cluster, table);
    answered(two, table);
    for host in [one, two] {
        host.run(&["weft", "detach", "--net", "bench", "--name", host.name()]);
        host.run(&["ip", "netns", "delete", "asker"]);
    }
    cluster.remove_network("bench");
}

fn known_elsewhere(cluster: &Cluster, table: &mut Table) {
    let socket = asker(cluster.host(2));
    let (mut at_once, mut after) = (0_u32, Vec::new());
    for round in 0..ROUNDS {
        let name = format!("named{round}");
        cluster.host(1).run(&["ip", "netns", "add", &name]);
        cluster.attach("bench", &name);
        let start = Instant::now();
        let mut asked = 0_u32;
        until("the name is known", SOON, || {
            asked += 1;
            is_known(&socket, &name)
        });
        after.push(milliseconds(start.elapsed()));
        at_once += u32::from(asked == 1);
        cluster.detach("bench", &name);
        cluster.host(1).run(&["ip", "netns", "delete", &name]);
    }
    let share = 100.0 * f64::from(at_once) / ROUNDS as f64;
    table.add("name known there when attach returns", (share, "%"), None, Must::Reach(100.0));
    table.add("… answered after that, at the latest", (worst(&after), "ms"), None, Must::Inform);
}

/// Where the host's namespace `asker` asks for names.
pub(crate) fn asker(host: &Host) -> UdpSocket {
    let socket = host.inside(Some("asker"), || {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(SERVER)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        Ok::<_, std::io::Error>(socket)
    });
    socket.expect("a container has a loopback")
}

/// Whether the first question for an address is answered with one.
pub(crate) fn is_known(socket: &UdpSocket, name: &str) -> bool {
    let length = u8::try_from(name.len()).expect("a short name");
    // One question, recursion wanted; of class IN, for an A (RFC 1035, section 4.1).
    let head: &[u8] = &[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, length];
    let query = [head, name.as_bytes(), &[0, 0, 1, 0, 1]].concat();
    socket.send(&query).expect("loopback takes it");
    let mut answer = [0; 512];
    let received = socket.recv(&mut answer).expect("the name server answers");
    received > 8 && answer[6..8] != [0, 0]
}

/// dnsperf in a container, against weft and against a server that does nothing, in turn.
fn answered(host: &Host, table: &mut Table) {
    host.write("/var/lib/queries", "host1 A\nhost2 A\n");
    let inside = ["nsenter", "--net=/run/netns/asker"];
    let this = env::current_exe().expect("a running program has a path");
    let this = this.to_str().expect("cargo names it plainly");
    let echo = host.spawn(&[&inside[..], &[this, echo::ARGUMENT, ECHO]].concat());
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        for (rates, server) in rates.iter_mut().zip([SERVER, ECHO]) {
            let (address, port) = server.split_once(':').expect("an address and a port");
            let ask = ["dnsperf", "-s", address, "-p", port, "-d", "/var/lib/queries", "-l", "2", "-T", "1"];
            let report = host.run(&[&inside[..], &ask].concat());
            rates.push(number_after(&report, "Queries per second:").expect("dnsperf says how many") / 1000.0);
        }
    }
    drop(echo);
    let [ours, nothing] = rates.map(median);
    let nothing = Reference { value: nothing, what: "a server that does nothing" };
    table.add("names answered to one container", (ours, "k/s"), Some(nothing), Must::Reach(150.0));
}

/// The number that follows `label` in what a tool printed.
pub(crate) fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start_matches([' ', '=', ':']);
    rest.split_whitespace().next()?.parse().ok()
}
