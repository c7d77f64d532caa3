//! A plan, carried out, and what came of it.

use super::{
    Reconciler,
    rounds::{Obstacle, Outcome},
};
use weft_model::Vni;
use weft_plan::{Desired, Entry, Netns, Observed, OwnNetns, Plan, Step};

impl Reconciler {
    /// Takes the steps, and says which of them failed, and why.
    pub(super) async fn apply(&mut self, plan: &Plan) -> Outcome {
        let report = self.parts.datapath.apply(plan).await;
        self.parts.metrics.rounds.steps(plan, &report);
        for step in &plan.steps {
            tracing::debug!(%step, "step");
            self.own_fdb.add(step);
        }
        for failure in &report.failures {
            tracing::warn!(%failure, "a step failed; it is tried again");
        }
        // Of steps that were skipped it is not known which: any of them may be missing.
        let failed = report.failures.iter().map(|failure| &failure.step);
        let missing =
            if report.skipped > 0 { plan.steps.iter().collect() } else { failed.collect::<Vec<_>>() };
        let uncleared = Some(missing.into_iter().filter_map(cleared_by).collect());
        let failures = report.failures.iter().map(Obstacle::from).collect();
        let problems = plan.problems.iter().map(Obstacle::from).collect();
        Outcome { steps: report.done, failures, problems, uncleared }
    }
}

/// What an agent remembers of the others is older than what it last did: on a segment that is there it changes
/// nothing of theirs, and where the rules cannot stay as they are, they keep nobody's packets out.
pub(super) fn beside_what_is_there(desired: Desired, kernel: &Observed, plan: Plan) -> Plan {
    let has_rules = plan.steps.iter().any(|step| matches!(step, Step::SetRuleset(_)));
    let plan = if has_rules { weft_plan::plan(&Desired { peers: None, ..desired }, kernel) } else { plan };
    let made = |netns: &Netns| {
        plan.steps.iter().any(|step| matches!(step, Step::CreateNamespace(_)) && step.netns() == *netns)
    };
    let of_others = |step: &&Step| match step {
        // Containers' packets do not go by what is measured.
        Step::Add(Netns::Segment(Vni::PROBES), ..) | Step::Delete(Netns::Segment(Vni::PROBES), ..) => false,
        Step::Add(netns, _, entry) | Step::Delete(netns, _, entry) => {
            matches!(entry, Entry::Fdb(..) | Entry::Neighbour(..) | Entry::Peer(_)) && !made(netns)
        }
        _ => false,
    };
    let steps = plan.steps.iter().filter(|step| !of_others(step)).cloned().collect();
    Plan { steps, ..plan }
}

/// The segment that a step takes an endpoint, or all of them, out of.
fn cleared_by(step: &Step) -> Option<Vni> {
    match step {
        Step::DeleteNamespace(OwnNetns::Segment(vni)) | Step::DeleteLink(Netns::Segment(vni), _) => {
            Some(*vni)
        }
        _ => None,
    }
}
