//! How soon a name is known on the other host, and how many are answered.

use crate::{
    setup::Cluster,
    table::{Table, Wanted},
};

const ROUNDS: usize = 30;

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    cluster.create_network("bench");
    let [one, two] = [cluster.host(1), cluster.host(2)];
    two.run(&["weft", "run", "-d", "--net", "bench", "--name", "asker", "--", "sleep", "infinity"]);

    let mut known = 0_u32;
    for round in 0..ROUNDS {
        let name = format!("named{round}");
        one.run(&["weft", "run", "-d", "--net", "bench", "--name", &name, "--", "sleep", "infinity"]);
        // At once: a second try would hide what this counts.
        let answer = two.run(&["weft", "exec", "asker", "--", "dig", "+short", "+tries=1", "+search", &name]);
        known += u32::from(answer.starts_with("10."));
        one.run(&["weft", "rm", "-f", &name]);
    }
    let share = 100.0 * f64::from(known) / ROUNDS as f64;
    table.add("names known there when start returns", share, "%", Wanted::AtLeast(100.0));

    one.run(&["weft", "run", "-d", "--net", "bench", "--name", "named", "--", "sleep", "infinity"]);
    two.write("/var/lib/queries", "named A\nasker A\n");
    let resolv_conf = two.run(&["weft", "exec", "asker", "--", "cat", "/etc/resolv.conf"]);
    let server = resolv_conf.lines().find_map(|line| line.strip_prefix("nameserver "));
    let server = server.expect("a process has a name server");
    let report = two.run(&[
        "weft",
        "exec",
        "asker",
        "--",
        "dnsperf",
        "-s",
        server,
        "-d",
        "/var/lib/queries",
        "-l",
        "4",
        "-T",
        "1",
    ]);
    let rate = number_after(&report, "Queries per second:").expect("dnsperf says how many");
    table.add("names answered, one asker", rate / 1000.0, "k/s", Wanted::AtLeast(150.0));

    one.run(&["weft", "rm", "-f", "named"]);
    two.run(&["weft", "rm", "-f", "asker"]);
    cluster.remove_network("bench");
}

/// The number that follows `label` in what a tool printed.
pub(crate) fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start_matches([' ', '=', ':']);
    rest.split_whitespace().next()?.parse().ok()
}
