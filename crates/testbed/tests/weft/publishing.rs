//! `-p`: from where a published port is reached, and what is refused.

use crate::cluster::{Cluster, SOON, sleeper};
use std::{net::UdpSocket, time::Duration};
use weft_testbed::{Host, until};

const SITE: &str = "/var/lib/site/index.html";
const HTTPD: [&str; 6] = ["busybox", "httpd", "-f", "-p", "80", "-h"];

/// Starts a web server called `web`, which says hello.
#[track_caller]
fn serve(host: &Host, network: &str, options: &[&str]) {
    host.write(SITE, "hello");
    let run = ["weft", "run", "-d", "--net", network, "--name", "web"];
    host.run(&[&run, options, &["--"], &HTTPD, &["/var/lib/site"]].concat());
    until("it serves", SOON, || {
        let get = ["weft", "exec", "web", "--", "curl", "-sf", "http://web/"];
        host.output(&get).stdout == b"hello"
    });
}

/// Whether `command` and what `curl` needs gets a hello from `authority`.
fn greets(host: &Host, command: &[&str], authority: &str) -> bool {
    let curl = ["curl", "-sf", "--max-time", "3", &format!("http://{authority}/")];
    host.output(&[command, &curl].concat()).stdout == b"hello"
}

#[test]
fn several_ports_from_everywhere_in_both_families() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["--ipv6", "both"]);
    cluster.create_network(&["--ipv6", "other"]);
    serve(
        one,
        "both",
        &["-p", "8080:80", "-p", "8081:80/tcp", "-p", "192.168.77.11:8082:80", "-p", "127.0.0.1:8083:80"],
    );
    sleeper(one, "both", "beside", &[]);
    sleeper(one, "other", "stranger", &[]);
    sleeper(two, "other", "far", &[]);
    let ps = one.run(&["weft", "ps"]);
    assert!(ps.contains("8080->80/tcp") && ps.contains("127.0.0.1:8083->80/tcp"), "{ps}");

    let (own, own6) = (one.address(), one.address6());
    let outside: &[&str] = &[];
    let within = |name| ["weft", "exec", name, "--"];
    for port in [8080, 8081] {
        for (host, command) in [
            (one, outside),
            (two, outside),
            // From the published one itself, from its network, from another network, and from another host.
            (one, &within("web")),
            (one, &within("beside")),
            (one, &within("stranger")),
            (two, &within("far")),
        ] {
            for authority in [format!("{own}:{port}"), format!("[{own6}]:{port}")] {
                assert!(greets(host, command, &authority), "{authority} from {} {command:?}", host.name());
            }
        }
        assert!(greets(one, outside, &format!("127.0.0.1:{port}")));
    }
    // Limited to one address of the host.
    assert!(greets(two, outside, &format!("{own}:8082")) && greets(one, outside, "127.0.0.1:8083"));
    assert!(!greets(one, outside, "127.0.0.1:8082") && !greets(two, outside, &format!("{own}:8083")));
    assert!(!greets(two, outside, &format!("[{own6}]:8082")));

    one.run(&["weft", "stop", "web"]);
    assert!(!greets(two, outside, &format!("{own}:8080")), "the port is closed with it");
}

#[test]
fn udp_and_tcp_on_one_port() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["overlay"]);
    let ports = ["-p", "6000:5201/tcp", "-p", "6000:5201/udp"];
    let run = ["weft", "run", "-d", "--net", "overlay", "--name", "perf"];
    one.run(&[&run, &ports[..], &["--", "iperf3", "-s"]].concat());
    until("it listens", SOON, || {
        one.output(&["weft", "exec", "perf", "--", "sh", "-c", "ss -lnt | grep -q 5201"]).status.success()
    });
    sleeper(one, "overlay", "beside", &[]);
    let own = one.address().to_string();
    for (host, command, target) in [
        (two, &[][..], own.as_str()),
        (one, &[], &own),
        (one, &[], "127.0.0.1"),
        (one, &["weft", "exec", "beside", "--"], &own),
        (one, &["weft", "exec", "perf", "--"], &own),
    ] {
        // It agrees over TCP on what it sends over UDP.
        let send = ["iperf3", "-c", target, "-p", "6000", "-u", "-b", "1M", "-n", "8K", "-l", "1000"];
        let mut report = String::new();
        // It has an end of its own of what a client has ended already.
        until("the server has time", SOON, || {
            let output = host.output(&[command, &send].concat());
            report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            !report.contains("server is busy")
        });
        assert!(report.contains("(0%)"), "{report}");
    }
}

#[test]
fn a_process_that_changes_networks_stays_published() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    for network in ["first", "second"] {
        cluster.create_network(&[network]);
    }
    serve(one, "first", &["-p", "8080:80"]);
    let published = format!("{}:8080", one.address());
    let network = |verb: &str, network: &str| one.run(&["weft", "network", verb, network, "web"]);
    network("connect", "second");
    assert!(greets(two, &[], &published));
    network("disconnect", "first");
    until("it is reached through the second", SOON, || greets(two, &[], &published));
    network("disconnect", "second");
    assert!(!greets(two, &[], &published));
    network("connect", "first");
    until("it is reached again", SOON, || greets(two, &[], &published));
}

#[test]
fn what_cannot_be_published_is_refused() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["--internal", "inside"]);
    serve(host, "overlay", &["-p", "8080:80"]);
    for (network, ports, reason) in [
        ("inside", &["8081:80"][..], "internal"),
        ("overlay", &["8080:81"], "published by web"),
        ("overlay", &["127.0.0.1:8080:81"], "published by web"),
        ("overlay", &["8081:80", "8081:81"], "twice"),
        // Consul's, and VXLAN's own.
        ("overlay", &["8500:80"], "another program"),
        ("overlay", &["4789:80/udp"], "another program"),
        ("overlay", &["192.0.2.1:8081:80"], "not an address of this host"),
        ("overlay", &["[fd77::11]:8081:80"], "no addresses of its family"),
        ("overlay", &["80"], "8080:80"),
        ("overlay", &["0:80"], "65535"),
        ("overlay", &["8081:80/sctp"], "tcp or udp"),
    ] {
        let ports: Vec<_> = ports.iter().flat_map(|port| ["-p", port]).collect();
        let run = ["weft", "run", "-d", "--net", network, "--name", "late"];
        let refusal = host.refused(&[&run, &ports[..], &["--", "sleep", "infinity"]].concat());
        assert!(refusal.contains(reason), "{ports:?}: {refusal}");
    }
    assert_eq!(host.run(&["weft", "ps", "-aq"]).lines().count(), 1);
    sleeper(host, "overlay", "udp", &["-p", "8080:80/udp"]);
}

/// Answers every datagram with its name, at a published port.
#[track_caller]
fn serve_udp(host: &Host, name: &str) {
    let answer = format!(
        "$s = IO::Socket::IP->new(Proto => 'udp', LocalHost => '::', LocalPort => 5353, V6Only => 0) or die; \
         while (defined $s->recv($m, 99)) {{ $s->send('{name}') }}"
    );
    let run = ["weft", "run", "-d", "--net", "overlay", "--name", name, "-p", "5300:5353/udp", "--"];
    host.run(&[&run[..], &["perl", "-MIO::Socket::IP", "-e", &answer]].concat());
}

/// The kernel keeps a flow that goes on for as long as it does, and with it where it goes.
#[test]
fn who_goes_on_sending_is_led_where_the_port_leads_now() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["--ipv6", "overlay"]);
    let (own, own6) = (one.address().to_string(), format!("[{}]", one.address6()));
    let ways = [(two, own.as_str()), (one, &own), (one, "127.0.0.1"), (two, &own6), (one, &own6)];
    let clients = ways.map(|(host, to)| {
        let from = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        let socket = host.inside(None, || UdpSocket::bind(from).expect("a port is free"));
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("it can be set");
        (socket, format!("{to}:5300"), host.name())
    });
    let asked = |(socket, to, _): &(UdpSocket, String, &str)| {
        // What came back before, that nobody listens, is told of now.
        let sent = socket.send_to(b"who", to).or_else(|_| socket.send_to(b"who", to));
        sent.expect("it can be sent");
        let mut answer = [0; 99];
        let length = socket.recv(&mut answer).unwrap_or_default();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    // With a way out for anybody, the kernel follows flows. Before anything is published, and after each: nobody answers,
    // but the flow is there.
    sleeper(one, "overlay", "beside", &[]);
    for name in ["first", "second"] {
        for client in &clients {
            until("nobody answers", SOON, || asked(client).is_empty());
        }
        serve_udp(one, name);
        for client in &clients {
            let (_, to, from) = client;
            until(&format!("{name} answers at {to} from {from}"), SOON, || asked(client) == name);
        }
        one.run(&["weft", "rm", "-f", name]);
    }
}
