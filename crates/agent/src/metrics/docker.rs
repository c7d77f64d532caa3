//! What an engine asks.

use super::{Labels, seconds};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;

/// Counts of an engine's calls of its drivers.
#[derive(Debug)]
pub(crate) struct DockerCalls {
    calls: Family<Labels<2>, Counter>,
    took: Family<Labels<1>, Histogram, fn() -> Histogram>,
}

impl DockerCalls {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let calls = Self { calls: Family::default(), took: Family::new_with_constructor(seconds) };
        let help = "Calls of the container engine";
        registry.register("docker_calls", help, calls.calls.clone());
        let help = "How long the container engine waited for answers";
        registry.register_with_unit("docker_call_duration", help, Unit::Seconds, calls.took.clone());
        calls
    }

    /// A call of a method, which `method` names if there is one of that name.
    pub(crate) fn answered(&self, method: Option<&'static str>, carried_out: bool, took: Duration) {
        let method = method.unwrap_or("unknown");
        let result = if carried_out { "ok" } else { "refused" };
        self.calls.get_or_create(&[("call", method), ("result", result)]).inc();
        self.took.get_or_create(&[("call", method)]).observe(took.as_secs_f64());
    }
}
