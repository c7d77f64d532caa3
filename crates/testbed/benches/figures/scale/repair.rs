//! How soon an agent puts back what somebody else took out of the kernel.

use super::stage::Stage;
use crate::{
    cluster::SOON,
    table::{Must, Table, median, worst},
};
use jiff::civil::DateTime;
use std::{thread::sleep, time::Duration};
use weft_testbed::{Host, Service, until};

const ROUNDS: u32 = 15;
/// Between two, a little longer each time: an agent that looks now and then is not met at the same point each time.
const PAUSE: Duration = Duration::from_millis(700);
const LONGER: Duration = Duration::from_millis(130);

/// Deletes an entry of VXLAN's forwarding table, and looks how long it is away.
pub(crate) fn measure(stage: &Stage, size: &str, table: &mut Table) {
    let host = stage.cluster.host(1);
    let namespaces = host.run(&["ip", "netns"]);
    let namespace = namespaces.split_whitespace().find(|word| word.starts_with("weft-"));
    let segment = namespace.expect("the network has a segment");
    let shown = host.run(&["bridge", "-netns", segment, "fdb", "show"]);
    let entries: Vec<&str> = shown.lines().filter(|entry| entry.contains(" dst 192.168.77.99 ")).collect();
    let monitor = host.spawn(&["bridge", "-netns", segment, "-timestamp", "monitor", "fdb"]);
    let away: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            sleep(PAUSE + LONGER * round);
            let entry = entries[entries.len() * round as usize / ROUNDS as usize];
            is_away(host, segment, entry, &monitor)
        })
        .collect();
    let longest = worst(&away);
    let what = format!("repair of a forwarding entry, one of {size}");
    stage.row(table, what, (median(away), "ms"), None, Must::Be(100.0));
    stage.row(table, "… at the longest", (longest, "ms"), None, Must::Inform);
}

/// Deletes an entry, given as `bridge fdb show` has it. Returns how long it was away, in milliseconds.
fn is_away(host: &Host, segment: &str, entry: &str, monitor: &Service) -> f64 {
    let words: Vec<&str> = entry.split_whitespace().collect();
    let [mac, "dev", device, "dst", ..] = words.as_slice() else { panic!("no entry of VXLAN's: {entry}") };
    host.run(&["bridge", "-netns", segment, "fdb", "del", mac, "dev", device, "self"]);
    let mut away = None;
    until("the entry is there again", SOON, || {
        let log = monitor.log();
        away = seen(&log, &format!("Deleted {mac} ")).zip(seen(&log, &format!("{mac} ")));
        away.is_some()
    });
    let (deleted, added) = away.expect("both were waited for");
    added.duration_since(deleted).as_secs_f64() * 1000.0
}

/// When the monitor first saw what begins like this, by the line before it.
fn seen(log: &str, what: &str) -> Option<DateTime> {
    let lines = log.lines().zip(log.lines().skip(1));
    let (at, _) = lines.into_iter().find(|(_, line)| line.starts_with(what))?;
    // Timestamp: Sun Nov 29 14:12:09 2026 779374 usec
    let (second, microsecond) = at.strip_prefix("Timestamp: ")?.strip_suffix(" usec")?.rsplit_once(' ')?;
    let second = DateTime::strptime("%a %b %d %H:%M:%S %Y", second).ok()?;
    second.with().subsec_nanosecond(1000 * microsecond.parse::<i32>().ok()?).build().ok()
}
