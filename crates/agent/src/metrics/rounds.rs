//! What the loop does.

use super::{Labels, seconds};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;
use weft_datapath::Report;
use weft_plan::Plan;

/// Counts of rounds and their steps.
#[derive(Debug)]
pub(crate) struct RoundCounts {
    rounds: Family<Labels<1>, Counter>,
    took: Histogram,
    steps: Family<Labels<1>, Counter>,
    failed: Family<Labels<1>, Counter>,
    skipped: Counter,
}

impl RoundCounts {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let counts = Self {
            rounds: Family::default(),
            took: seconds(),
            steps: Family::default(),
            failed: Family::default(),
            skipped: Counter::default(),
        };
        for result in ["complete", "failed"] {
            drop(counts.rounds.get_or_create(&[("result", result)]));
        }
        registry.register("reconcile_rounds", "Rounds of the loop", counts.rounds.clone());
        let help = "How long rounds of the loop took";
        registry.register_with_unit("reconcile_duration", help, Unit::Seconds, counts.took.clone());
        let help = "Steps that rounds set out to take in the kernel";
        registry.register("reconcile_steps", help, counts.steps.clone());
        let help = "Steps that the kernel refused";
        registry.register("reconcile_steps_failed", help, counts.failed.clone());
        let help = "Steps not tried, since what they need is missing";
        registry.register("reconcile_steps_skipped", help, counts.skipped.clone());
        counts
    }

    /// A round that took so long.
    pub(crate) fn round(&self, complete: bool, took: Duration) {
        let result = if complete { "complete" } else { "failed" };
        self.rounds.get_or_create(&[("result", result)]).inc();
        self.took.observe(took.as_secs_f64());
    }

    /// What came of a plan.
    pub(crate) fn steps(&self, plan: &Plan, report: &Report) {
        for step in &plan.steps {
            self.steps.get_or_create(&[("kind", step.kind())]).inc();
        }
        for failure in &report.failures {
            self.failed.get_or_create(&[("kind", failure.step.kind())]).inc();
        }
        self.skipped.inc_by(u64::try_from(report.skipped).unwrap_or(u64::MAX));
    }
}
