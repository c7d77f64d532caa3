//! Which names resolve to what, and where.

use crate::cluster::{Cluster, SOON, exec, sleeper};
use std::{net::UdpSocket, thread, time::Duration};
use weft_testbed::{Host, eventually};

/// What a process gets for a name or the like, in order.
#[track_caller]
fn dig(host: &Host, name: &str, question: &[&str]) -> Vec<String> {
    let answer = exec(host, name, &[&["dig", "+short"], question].concat());
    let mut lines: Vec<_> = answer.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The answer's status: NOERROR, NXDOMAIN, ….
#[track_caller]
fn status(host: &Host, name: &str, question: &[&str]) -> String {
    let answer = exec(host, name, &[&["dig"], question].concat());
    let status = answer.split("status: ").nth(1).and_then(|rest| rest.split(',').next());
    status.expect("dig shows a status").to_owned()
}

#[test]
fn several_with_one_alias_are_all_answers_in_turn() {
    let Some(cluster) = Cluster::up(3) else { return };
    cluster.create_network(&["overlay"]);
    for number in 1..=3 {
        let options = ["--network-alias", "web", "--network-alias", "www"];
        sleeper(cluster.host(number), "overlay", &format!("web{number}"), &options);
    }
    let host = cluster.host(1);
    for alias in ["web", "www", "WEB", "web.overlay"] {
        eventually(SOON, || match dig(host, "web1", &[alias]) {
            all if all == ["10.0.0.2", "10.0.0.3", "10.0.0.4"] => Ok(()),
            some => Err(format!("{alias} is {some:?}")),
        });
    }
    let firsts = (0..3).map(|_| {
        let answer = exec(host, "web1", &["dig", "+short", "web"]);
        answer.lines().next().map(str::to_owned)
    });
    assert_eq!(firsts.collect::<std::collections::BTreeSet<_>>().len(), 3, "each is first in its turn");
    assert_eq!(dig(host, "web1", &["+tcp", "web"]).len(), 3);
    assert_eq!(dig(host, "web1", &["AAAA", "web"]).len(), 0);
    assert_eq!(status(host, "web1", &["AAAA", "web"]), "NOERROR");

    // One that ends is no answer any more.
    cluster.host(3).run(&["weft", "rm", "-f", "web3"]);
    eventually(SOON, || match dig(host, "web1", &["web"]) {
        all if all == ["10.0.0.2", "10.0.0.3"] => Ok(()),
        some => Err(format!("web is {some:?}")),
    });
}

#[test]
fn ids_and_networks_are_names_too() {
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["--ipv6", "--subnet", "10.9.0.0/24", "--subnet", "fd09::/64", "front"]);
    cluster.create_network(&["back"]);
    let [one, two] = [cluster.host(1), cluster.host(2)];
    sleeper(one, "front", "asker", &[]);
    let run = ["weft", "run", "-d", "--net", "back", "--name", "server", "--", "sleep", "infinity"];
    let id = two.run(&run);
    two.run(&["weft", "network", "connect", "--alias", "only-front", "--ip6", "fd09::9", "front", "server"]);
    eventually(SOON, || match dig(one, "asker", &["server"]) {
        all if all == ["10.9.0.3"] => Ok(()),
        some => Err(format!("server is {some:?}")),
    });
    for name in [&id[..12], "server.front", "only-front", "only-front.front"] {
        assert_eq!(dig(one, "asker", &[name]), ["10.9.0.3"], "{name}");
        assert_eq!(dig(one, "asker", &["AAAA", name]), ["fd09::9"], "{name}");
    }
    assert_eq!(dig(one, "asker", &["-x", "10.9.0.3"]), ["server.front."]);
    assert_eq!(dig(one, "asker", &["-x", "fd09::9"]), ["server.front."]);
    // It is on another network besides, which the asker is not on.
    for hidden in ["server.back", "10.0.0.2"] {
        assert_eq!(dig(one, "asker", &[hidden]), [""; 0], "{hidden}");
    }
    assert_eq!(dig(one, "asker", &["-x", "10.0.0.2"]), [""; 0]);
    // A container on both networks resolves the names of both. If both know a name, the network that was joined first
    // answers.
    assert_eq!(dig(two, "server", &["asker"]), ["10.9.0.2"]);
    assert_eq!(dig(two, "server", &["server.back"]), ["10.0.0.2"]);
    assert_eq!(dig(two, "server", &["server.front"]), ["10.9.0.3"]);
    assert_eq!(dig(two, "server", &["server"]), ["10.0.0.2"]);

    two.run(&["weft", "network", "disconnect", "front", "server"]);
    eventually(SOON, || match dig(one, "asker", &["server"]) {
        none if none.is_empty() => Ok(()),
        some => Err(format!("server is still {some:?}")),
    });
}

#[test]
fn other_names_are_asked_of_the_hosts_servers_but_not_from_internal_networks() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    let server = host.inside(None, || UdpSocket::bind("192.168.77.11:53").expect("the port is free"));
    thread::spawn(move || answer_everything(&server, Duration::ZERO));
    host.write("/etc/resolv.conf", "search corp.example\nnameserver 192.168.77.11\n");
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["--internal", "inside"]);
    sleeper(host, "overlay", "open", &[]);
    sleeper(host, "inside", "closed", &[]);
    assert_eq!(dig(host, "open", &["www.example"]), ["192.0.2.7"]);
    let resolv_conf = exec(host, "open", &["cat", "/etc/resolv.conf"]);
    assert!(resolv_conf.contains("search corp.example"), "{resolv_conf}");
    // Its own name is not asked of anybody.
    assert_eq!(dig(host, "open", &["open"]), ["10.0.0.2"]);

    assert_eq!(status(host, "closed", &["www.example"]), "NXDOMAIN");
    assert_eq!(dig(host, "closed", &["closed"]), ["10.0.1.2"]);
    assert_eq!(status(host, "closed", &["-x", "192.0.2.7"]), "NXDOMAIN");
    // On an open network besides, it may ask.
    host.run(&["weft", "network", "connect", "overlay", "closed"]);
    eventually(SOON, || match dig(host, "closed", &["www.example"]) {
        all if all == ["192.0.2.7"] => Ok(()),
        some => Err(format!("www.example is {some:?}")),
    });
}

/// As a laptop has it between two networks: a file that is not UTF-8, a server that is out of reach, and one that takes its
/// time.
#[test]
fn a_slow_name_server_behind_a_dead_one_is_waited_for() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    let bind = |address: &str| host.inside(None, || UdpSocket::bind(address).expect("the port is free"));
    let (_silent, slow) = (bind("192.168.77.11:53"), bind("127.0.0.53:53"));
    thread::spawn(move || answer_everything(&slow, Duration::from_secs(2)));
    let file = r"# B\374ro\nnameserver fe80::1%%gone0\nnameserver 192.168.77.11\nnameserver 127.0.0.53\n";
    host.run(&["sh", "-c", &format!("printf '{file}options attempts:1\n' >/etc/resolv.conf")]);
    cluster.create_network(&["overlay"]);
    sleeper(host, "overlay", "box", &[]);
    assert_eq!(dig(host, "box", &["+tries=1", "+time=5", "www.example"]), ["192.0.2.7"]);
}

/// A name server that knows one address.
fn answer_everything(socket: &UdpSocket, after: Duration) {
    let mut packet = [0; 512];
    while let Ok((length, peer)) = socket.recv_from(&mut packet) {
        // The question ends after the name's last, empty label, its type and its class (RFC 1035 section 4.1.2).
        let name = packet[12..length].iter().position(|byte| *byte == 0);
        let end = 12 + name.expect("dig asks well") + 5;
        let mut answer = [&packet[..2], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &packet[12..end]].concat();
        // For that name: type A, class IN, 60 s, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        thread::sleep(after);
        let _ = socket.send_to(&answer, peer);
    }
}
