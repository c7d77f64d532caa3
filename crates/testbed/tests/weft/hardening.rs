//! What docs/hardening.md says is open and written on a host, held against a host.

use crate::{
    cluster::{SOON, has_network},
    tokens::{init, let_in, token},
    wire::Wire,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use data_encoding::BASE32_NOPAD;
use std::collections::BTreeSet;
use weft_testbed::{Container, Host, World, until};
use weft_trust::JoinToken;

const PAGE: &str = include_str!("../../../../docs/hardening.md");

/// The first two cells of each row of the table that begins with `heading`, without what makes them code.
fn rows(heading: &str) -> Vec<[String; 2]> {
    let table = PAGE.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned());
        [cells.next().unwrap_or_default(), cells.next().unwrap_or_default()]
    });
    cells.collect()
}

/// The ports that something listens on from outside, as `4789/udp`.
fn open_ports(host: &Host) -> BTreeSet<String> {
    let listed = host.run(&["ss", "-Hlntu"]);
    let port = |line: &str| {
        let mut words = line.split_whitespace();
        let (protocol, local) = (words.next()?, words.nth(3)?);
        let (address, port) = local.rsplit_once(':')?;
        (!address.starts_with("127.") && address != "[::1]").then(|| format!("{port}/{protocol}"))
    };
    listed.lines().filter_map(port).collect()
}

#[test]
fn ports_and_files_are_those_of_the_page() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let _agent = init(host, &["--host", "tcp://0.0.0.0:2376"]);
    host.run(&["weft", "network", "create", "overlay"]);
    until("it is there", SOON, || has_network(host, "overlay"));
    let _container = Container::attach(host, "overlay", "one");
    let encrypts = host.output(&["ip", "link", "add", "wg9", "type", "wireguard"]).status.success();
    let listed = rows("| port |").into_iter().map(|[port, _]| port);
    let expected: BTreeSet<String> = listed.filter(|port| port != "51820/udp").collect();
    assert_eq!(expected.len(), 4, "{expected:?}");
    until("the ports of the page are open, and no others", SOON, || open_ports(host) == expected);
    if encrypts {
        host.run(&["weft", "network", "create", "-o", "encrypted", "secret"]);
        let _container = Container::attach(host, "secret", "two");
        until("that of the tunnels, too", SOON, || open_ports(host).contains("51820/udp"));
    }
    for [path, mode] in rows("| path |") {
        // There is no engine here that would want the last, and nobody speaks with a process: see `terminal`.
        let may_be_absent = path.starts_with("/run/docker/") || path.contains("-ID");
        let is = host.output(&["stat", "-c", "%04a", &path]);
        let is = String::from_utf8_lossy(&is.stdout).trim().to_owned();
        assert!(is == mode || is.is_empty() && may_be_absent, "{path}: {is}, not {mode}");
    }
    let written = host.run(&["find", "/var/lib/weft", "-perm", "/077"]);
    assert_eq!(written.trim(), "", "nobody but root may read any of it");
}

/// What a file of keys keeps secret: its lines, and the bytes that they stand for.
fn secrets(host: &Host, file: &str) -> Vec<Vec<u8>> {
    let text = host.run(&["cat", &format!("/var/lib/weft/credentials/{file}")]);
    // A tunnel's key comes after the node that it was made for.
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let lines: Vec<&str> = lines.filter_map(|line| line.split_whitespace().last()).collect();
    let bytes = BASE64_STANDARD.decode(lines.concat()).expect("a key is written in base64");
    // Of an Ed25519 key in PKCS #8 (RFC 8410) the secret is 32 bytes that begin at the 17th.
    let secret = if bytes.len() >= 48 { bytes[16..48].to_vec() } else { bytes };
    lines.into_iter().map(|line| line.as_bytes().to_vec()).chain([secret]).collect()
}

#[test]
fn nothing_secret_goes_over_the_wire() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    let wire = Wire::of(one);
    let _first = init(one, &[]);
    let _second = let_in(one, two);
    let used = two.run(&["cat", "/run/token"]);
    // One that is not good any more, and one that nobody uses.
    three.write("/run/token", &used);
    three.refused(&["sh", "-c", "weft join --cluster-advertise=eth0 </run/token"]);
    let unused = token(one, three, &[]);
    one.run(&["weft", "network", "create", "overlay"]);
    until("the other host has the network", SOON, || has_network(two, "overlay"));
    let _container = Container::attach(two, "overlay", "two");
    two.run(&["weft", "node", "ls"]);
    one.run(&["weft", "ca", "rotate"]);

    two.run(&["bash", "-c", "echo the-last-packet >/dev/udp/192.168.77.11/9"]);
    until("the capture has caught up", SOON, || wire.count("the-last-packet") > 0);
    for (port, least) in [(7946, 20), (8500, 20)] {
        let seen = wire.packets(one, &format!("tcp port {port}"));
        assert!(seen >= least, "{seen} packets of port {port}: what was to be looked at was not there");
    }
    for text in [used, unused] {
        let token: JoinToken = text.trim().parse().expect("it is a token");
        let body = text.trim().trim_start_matches("weft1.");
        let secret = token.secret.expose();
        let bytes = BASE32_NOPAD.decode(secret.to_ascii_uppercase().as_bytes()).expect("it is base32");
        for secret in [body.as_bytes(), secret.as_bytes(), &bytes] {
            assert_eq!(wire.count(secret), 0, "a token");
        }
    }
    for (host, file) in
        [(one, "ca.key"), (one, "node.key"), (two, "node.key"), (one, "tunnel.key"), (two, "tunnel.key")]
    {
        for secret in secrets(host, file) {
            assert_eq!(wire.count(&secret), 0, "{file} of {}", host.name());
        }
    }
}
