//! What docs/hardening.md says is open and written on a host, held against a host.

use crate::{
    cluster::{SOON, has_network},
    tokens::init,
};
use std::collections::BTreeSet;
use weft_testbed::{Container, Host, World, until};

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
        // There is no engine here that would want the last.
        let is = host.output(&["stat", "-c", "%04a", &path]);
        let is = String::from_utf8_lossy(&is.stdout).trim().to_owned();
        assert!(is == mode || is.is_empty() && path.starts_with("/run/docker/"), "{path}: {is}, not {mode}");
    }
    let written = host.run(&["find", "/var/lib/weft", "-perm", "/077"]);
    assert_eq!(written.trim(), "", "nobody but root may read any of it");
}
