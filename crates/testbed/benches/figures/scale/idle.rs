//! What an agent with one endpoint on a large network costs: at rest, and when others attach.

use super::stage::Stage;
use crate::{
    cluster::{cpu_seconds, memory},
    raw::milliseconds,
    table::{Must, Reference, Table, median},
};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};
use weft_testbed::Agent;

/// What came before is over after this.
const SETTLED: Duration = Duration::from_secs(5);
/// How long to look at an agent at rest. A watch that has nothing to tell ends within a minute and begins again.
const REST: Duration = Duration::from_secs(60);
/// Enough of them for a clock that goes in steps of 10 ms.
const CHANGES: u32 = 60;
/// From one to the next. Closer together, one answer of the store would tell of several.
const INTERVAL: Duration = Duration::from_millis(250);
const ASKED: usize = 10;

/// Measures the first agent, and beside it the second one, which watches the same store but has no endpoint there.
/// Figures have bounds if they `must`.
pub(crate) fn measure(stage: &mut Stage, size: &str, must: bool, table: &mut Table) {
    let must_be = |bound| if must { Must::Be(bound) } else { Must::Inform };
    sleep(SETTLED);
    let (rest, _) = used_in(stage, |_| sleep(REST));
    let what = format!("CPU at rest of an agent on a network of {size}");
    let not_on_it = |value| Some(Reference { value, what: "an agent that is not on it" });
    let figure = (100.0 * rest[0], "%");
    stage.row(table, what, figure, not_on_it(100.0 * rest[1]), must_be(0.3));

    let (busy, took) = used_in(stage, |stage| {
        let start = Instant::now();
        for number in 1..=CHANGES {
            stage.add(1);
            sleep((start + INTERVAL * number).saturating_duration_since(Instant::now()));
        }
        // The last one's consequences.
        sleep(INTERVAL * 4);
    });
    // What it would have used at rest is not the changes'.
    let change = |n: usize| (busy[n] - rest[n]) * milliseconds(took) / f64::from(CHANGES);
    stage.row(table, "… CPU for a foreign change", (change(0), "ms"), not_on_it(change(1)), must_be(2.0));
    stage.all_known();
    let [agent, other] = stage.cluster.agents.each_ref().map(memory);
    stage.row(table, "… memory after the changes", (agent, "MiB"), None, must_be(40.0));
    let what = format!("memory of an agent that knows {size} endpoints");
    stage.row(table, what, (other, "MiB"), None, must_be(40.0));
}

/// How long `weft status` takes, with a look at the kernel.
pub(crate) fn status(stage: &Stage, table: &mut Table) {
    let asked: Vec<f64> = (0..ASKED).map(|_| asked(&stage.cluster.agents[0])).collect();
    let what = "weft status on that network, with a look at the kernel";
    stage.row(table, what, (median(asked), "ms"), None, Must::Inform);
}

/// How long an agent takes to say that the kernel has exactly what it should, in milliseconds.
fn asked(agent: &Agent) -> f64 {
    let start = Instant::now();
    let status = agent.request("GET", "/weft/v1/status", None);
    let took = milliseconds(start.elapsed());
    assert_eq!(status.json()["agreement"]["networks"][0]["agrees"], true, "{status:?}");
    took
}

/// The share of a core that each agent used while `work` was done, and how long that took.
fn used_in(stage: &mut Stage, work: impl FnOnce(&mut Stage)) -> ([f64; 2], Duration) {
    let used = |stage: &Stage| stage.cluster.agents.each_ref().map(cpu_seconds);
    let (before, start) = (used(stage), Instant::now());
    work(stage);
    let (after, took) = (used(stage), start.elapsed());
    ([0, 1].map(|n| (after[n] - before[n]) / took.as_secs_f64()), took)
}
