//! `weft capture`: the packets of a container, as others read them.

use crate::cluster::{Cluster, SOON, exec, sleeper};
use std::fs;
use weft_testbed::{Host, until};

/// The packets in a file (pcap-savefile(5)), as far as it is written.
fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let word =
        |at: usize| file.get(at..at + 4).map(|bytes| u32::from_ne_bytes(bytes.try_into().expect("four")));
    assert!(word(0).is_none_or(|magic| magic == 0xa1b2_3c4d), "times are in nanoseconds");
    let (mut at, mut all) = (24, Vec::new());
    while let Some(length) = word(at + 8) {
        let length = usize::try_from(length).expect("it fits");
        let Some(packet) = file.get(at + 16..at + 16 + length) else { break };
        all.push(packet.to_vec());
        at += 16 + length;
    }
    all
}

/// Whether it is an ICMP echo: a request, or else a reply, of IPv4 without options.
fn is_echo(packet: &[u8], kind: u8) -> bool {
    packet.get(12..14) == Some(&[8, 0]) && packet.get(23) == Some(&1) && packet.get(34) == Some(&kind)
}

/// What has been written so far: the socket's directory is this machine's to see.
fn written(host: &Host) -> Vec<u8> {
    fs::read(host.socket().with_file_name("captured.pcap")).unwrap_or_default()
}

#[test]
fn packets_are_written_in_both_directions() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [1, 2].map(|number| cluster.host(number));
    cluster.create_network(&["overlay"]);
    cluster.create_network(&["other"]);
    sleeper(one, "overlay", "a", &[]);
    sleeper(two, "overlay", "b", &[]);
    until("the first host knows of it", SOON, || {
        one.refused(&["weft", "capture", "b"]).contains("on host host2: run this there")
    });
    assert!(one.refused(&["weft", "capture", "nobody"]).contains("nothing that is called nobody"));
    one.run(&["weft", "network", "connect", "other", "a"]);
    assert!(one.refused(&["weft", "capture", "a"]).contains("on several networks"));

    let capture =
        ["weft", "capture", "--network", "overlay", "-s", "96", "-w", "/run/weft/captured.pcap", "a"];
    let capturing = one.spawn(&capture);
    until("it has begun", SOON, || written(one).len() == 24);
    exec(one, "a", &["ping", "-q", "-i0.01", "-c5", "-s1000", "b"]);
    let has = |packets: &[Vec<u8>], kind| packets.iter().filter(|packet| is_echo(packet, kind)).count() == 5;
    until("all of them are there", SOON, || {
        let packets = packets(&written(one));
        has(&packets, 8) && has(&packets, 0)
    });
    assert!(packets(&written(one)).iter().all(|packet| packet.len() <= 96));
    drop(capturing);
    // Down a pipe, as tcpdump reads it.
    let script =
        "weft exec a -- ping -q -i0.05 -c60 b >/dev/null & weft capture --network overlay -c 4 a | wc -c";
    let bytes: usize = one.run(&["sh", "-c", script]).trim().parse().expect("a number");
    assert!(bytes > 24 + 4 * 16, "{bytes}");
}
