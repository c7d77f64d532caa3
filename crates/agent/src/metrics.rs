//! What the agent counts, for Prometheus.
//!
//! Nothing of it is global: each component that counts is given its part. Counts are kept as they happen; what has a
//! state (nodes, endpoints, how the kernel agrees) is read from the status when a client asks. No label has values that
//! users choose, but the names of hosts and networks: how many series there are does not depend on how many containers run.

mod dns;
mod docker;
mod paths;
mod process;
mod rounds;
mod state;
mod store;
mod traffic;

pub(crate) use docker::DockerCalls;
pub(crate) use rounds::RoundCounts;
pub(crate) use store::{Measured, StoreCalls};
use traffic::TrafficCounts;

use crate::{logs::Logs, troubles::Troubles};
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::histogram::Histogram,
    registry::Registry,
};
use std::sync::Arc;
use weft_dns::QuestionCounts;
use weft_verbs::Status;

/// What the answer to a scrape is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What an operator sees of an agent.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// What it logs.
    pub logs: Arc<Logs>,
    /// What keeps its tasks from their work.
    pub troubles: Arc<Troubles>,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Calls of the store.
    pub(crate) store: StoreCalls,
    /// Rounds of the loop.
    pub(crate) rounds: RoundCounts,
    /// Calls of the engine.
    pub(crate) docker: DockerCalls,
    /// Questions of containers.
    pub(crate) dns: Arc<QuestionCounts>,
    /// What goes through endpoints.
    pub(crate) traffic: TrafficCounts,
}

/// A name and a value each, all of them known when this is compiled.
type Labels<const N: usize> = [(&'static str, &'static str); N];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("weft");
        let store = StoreCalls::registered(&mut registry);
        let rounds = RoundCounts::registered(&mut registry);
        let docker = DockerCalls::registered(&mut registry);
        let dns = Arc::new(QuestionCounts::default());
        registry.register_collector(Box::new(dns::Questions(Arc::clone(&dns))));
        let traffic = TrafficCounts::registered(&mut registry);
        Self { registry, store, rounds, docker, dns, traffic }
    }
}

impl Metrics {
    /// All metrics in the text format of OpenMetrics 1.0, of an agent that is as `status` says.
    ///
    /// # Errors
    /// Never: writing to memory does not fail.
    pub fn render(&self, status: &Status) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &state::of(status))?;
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &process::metrics(status.started))?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// A histogram of seconds, from half a millisecond to ten seconds.
fn seconds() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

#[cfg(test)]
mod tests;
