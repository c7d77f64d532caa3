//! How the agent is: the same as `weft status` says.

use super::{Labels, paths};
use jiff::Timestamp;
use prometheus_client::{
    metrics::{
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::{Registry, Unit},
};
use weft_verbs::{KernelStatus, Status};

/// The metrics of an agent that is as `status` says.
pub(super) fn of(status: &Status) -> Registry {
    let mut registry = Registry::with_prefix("weft");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "What runs", build);
    store(&mut registry, status);
    let joined = ConstGauge::new(i64::from(status.joined));
    registry.register("session_held", "Whether this node is in the cluster, as the store has it", joined);
    let counts = &status.counts;
    let expired = status.down.iter().filter(|node| node.expired).count();
    let nodes = by(
        "state",
        [
            ("up", number(counts.nodes_up)),
            ("down", number(status.down.len() - expired)),
            ("expired", number(expired)),
        ],
    );
    registry.register("nodes", "Nodes of the cluster", nodes);
    let gauge = |value| ConstGauge::new(value);
    registry.register("networks", "Networks of the cluster", gauge(number(counts.networks)));
    registry.register("endpoints", "Endpoints of the cluster", gauge(number(counts.endpoints)));
    let here = gauge(number(counts.endpoints_here));
    registry.register("local_endpoints", "Endpoints of this node", here);
    let fenced = gauge(number(status.fenced.len()));
    registry.register("fenced_endpoints", "Endpoints of this node that are cut off", fenced);
    registry.register("processes", "Processes of this node", gauge(number(counts.processes)));
    let problems = gauge(number(status.problems.len()));
    registry.register("problems", "What somebody should look at: see `weft status`", problems);
    if let Some(kernel) = &status.kernel {
        agrees(&mut registry, kernel);
    }
    paths::register(&mut registry, &status.paths);
    if let Some(engine) = &status.engine {
        let up = gauge(i64::from(engine.version.is_ok()));
        registry.register("docker_up", "Whether the container engine answers", up);
    }
    registry
}

fn store(registry: &mut Registry, status: &Status) {
    let store = &status.store;
    let up = ConstGauge::new(i64::from(store.error.is_none()));
    registry.register("store_up", "Whether the store is in reach", up);
    time(registry, "store_since_timestamp", "Since when the store is in reach, or not", Some(store.since));
    let answered = store.answered.map(|answered| answered.at);
    time(registry, "store_answered_timestamp", "When the store last answered a question", answered);
}

/// How the kernel is, all networks together: `weft status` tells them apart.
fn agrees(registry: &mut Registry, kernel: &KernelStatus) {
    let drifts = || kernel.networks.iter().map(|one| &one.drift).chain([&kernel.host]);
    let sum = |count: fn(&weft_plan::Differences) -> usize| {
        number(drifts().map(|drift| count(&drift.differences)).sum())
    };
    let entries = by(
        "kind",
        [
            ("missing", sum(|one| one.missing)),
            ("extra", sum(|one| one.extra)),
            ("wrong", sum(|one| one.wrong)),
        ],
    );
    let help = "Entries that the kernel has otherwise than it should, when it was last looked at";
    registry.register("kernel_differences", help, entries);
    let here = number(kernel.networks.len());
    registry.register(
        "kernel_networks",
        "Networks that are in the kernel, or should be",
        ConstGauge::new(here),
    );
    let agreeing = kernel.networks.iter().filter(|one| one.drift.differences.is_empty()).count();
    let help = "Networks that the kernel has exactly as it should";
    registry.register("kernel_networks_agreeing", help, ConstGauge::new(number(agreeing)));
    time(registry, "kernel_seen_timestamp", "When the kernel was last looked at", Some(kernel.at));
}

fn by<const N: usize>(label: &'static str, values: [(&'static str, i64); N]) -> Family<Labels<1>, Gauge> {
    let family = Family::<Labels<1>, Gauge>::default();
    for (name, value) in values {
        family.get_or_create(&[(label, name)]).set(value);
    }
    family
}

fn time(registry: &mut Registry, name: &str, help: &str, at: Option<Timestamp>) {
    if let Some(at) = at {
        let seconds = ConstGauge::new(at.as_duration().as_secs_f64());
        registry.register_with_unit(name, help, Unit::Seconds, seconds);
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
