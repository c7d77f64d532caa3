//! Why one container does not reach another: each host looks at its part of the way, and one sends packets along it.

mod pair;
mod part;
mod ping;
mod tried;

use super::{
    access::ClusterAccess,
    endpoints::Endpoints,
    nodes::Nodes,
    parts::{Base, CoreParts},
    status::Reporter,
};
use crate::{host::Host, paths::Pinger, reconcile::Rounds};
use pair::{Pair, pair};
use std::sync::Arc;
use weft_model::{Examination, ExaminedPart, Finding, NodeName, ServicePort, Verdict};
use weft_state::{cluster::Cluster, env::Env};
use weft_trust::{MemberReply, MemberRequest};
use weft_verbs::{Error, Explanation};

/// How much is taken of what another node says that it found, and how many letters of each sentence.
const MOST_FINDINGS: usize = 32;
const MOST_LETTERS: usize = 1000;

/// Looks at the way from one endpoint to another.
pub(crate) struct Explainer {
    access: Arc<ClusterAccess>,
    endpoints: Arc<Endpoints>,
    env: Arc<Env>,
    host: Arc<dyn Host>,
    nodes: Arc<Nodes>,
    pinger: Pinger,
    reporter: Arc<Reporter>,
    rounds: Rounds,
}

impl Explainer {
    pub(super) fn new(parts: &CoreParts, base: &Base, reporter: &Arc<Reporter>) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            endpoints: Arc::clone(&base.endpoints),
            env: Arc::clone(&parts.env),
            host: Arc::clone(&parts.host),
            nodes: Arc::clone(&base.nodes),
            pinger: parts.pinger.clone(),
            reporter: Arc::clone(reporter),
            rounds: parts.rounds.clone(),
        }
    }

    /// Everything on the way from the container `from` to what it calls `to`, in the order in which packets come by.
    ///
    /// # Errors
    /// [`Kind::NotFound`](weft_verbs::Kind::NotFound) if nothing is called so, [`Kind::Conflict`](weft_verbs::Kind::Conflict)
    /// if several containers are.
    pub(crate) async fn explain(
        &self,
        from: &str,
        to: &str,
        port: Option<ServicePort>,
    ) -> Result<Explanation, Error> {
        let me = self.access.node();
        let look = |cluster: &Cluster| pair(cluster, (&self.endpoints.here(), me), from, to);
        let called = to.to_owned();
        let Pair { from, to, network, is_name, mut findings } = self.access.look_up(look).await?;
        if let Some(why) = self.access.view().borrow().error.clone() {
            let what =
                format!("the store is out of reach, so what changed since then is not known here: {why}");
            findings.insert(0, Finding::warning(me, what, "weft status"));
        }
        let mut tried = None;
        if let Some(network) = network {
            let ask = |part| {
                let (own, other) = match part {
                    ExaminedPart::Answers => (&to, &from),
                    ExaminedPart::Sends | ExaminedPart::Tries => (&from, &to),
                };
                let name = Some(called.clone()).filter(|_| is_name);
                let asked = Examination {
                    network,
                    own: own.id,
                    other: other.id,
                    part,
                    port,
                    name,
                    published: None,
                    size: None,
                };
                self.ask(own.endpoint.node.clone(), asked)
            };
            let (sends, answers) = tokio::join!(ask(ExaminedPart::Sends), ask(ExaminedPart::Answers));
            let is_there = sends.is_ok();
            for finding in
                [sends, answers].into_iter().flat_map(|part| part.unwrap_or_else(|unknown| vec![unknown]))
            {
                // Both parts have the same of what two endpoints of one host share.
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
            if is_there {
                tried = ask(ExaminedPart::Tries).await.ok();
            }
        }
        let passes = weigh(&mut findings, tried.unwrap_or_default());
        Ok(Explanation { from, to, passes, findings })
    }

    /// Has a node look, this one or another.
    ///
    /// # Errors
    /// That its agent could not be asked.
    pub(super) async fn ask(&self, node: NodeName, asked: Examination) -> Result<Vec<Finding>, Finding> {
        if node == *self.access.node() {
            return Ok(self.look_at(&asked).await);
        }
        let why = match self.nodes.ask_member(node.as_str(), &MemberRequest::Examine(asked)).await {
            Ok(MemberReply::Examined(findings)) => return Ok(of(&node, findings)),
            Ok(_) => "it answers something else".to_owned(),
            Err(error) => error.message,
        };
        let what = format!("how it is on {node} is not known, since its agent could not be asked: {why}");
        Err(Finding::warning(self.access.node(), what, format!("run `weft status` on {node}")))
    }
}

/// What another node found: as much of it as there can be, and in its own name.
fn of(node: &NodeName, findings: Vec<Finding>) -> Vec<Finding> {
    let short = |text: String| text.chars().take(MOST_LETTERS).collect::<String>();
    let findings = findings.into_iter().take(MOST_FINDINGS).map(|found| Finding {
        node: node.clone(),
        verdict: found.verdict,
        what: short(found.what),
        mend: found.mend.map(short),
    });
    findings.collect()
}

/// Adds what came of packets that were sent, and says whether they came back. Where they did, nothing before keeps them; where
/// they did not, how is no news if it is known why. Nothing is known where none were sent and nothing would keep them.
fn weigh(findings: &mut Vec<Finding>, mut tried: Vec<Finding>) -> Option<bool> {
    let is = |all: &[Finding], verdict| all.iter().any(|finding| finding.verdict == verdict);
    let passes = match (is(&tried, Verdict::Problem), is(&tried, Verdict::Ok)) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => is(findings, Verdict::Problem).then_some(false),
    };
    if passes == Some(true) {
        let wrong = findings.iter_mut().filter(|finding| finding.verdict == Verdict::Problem);
        wrong.for_each(|finding| finding.verdict = Verdict::Warning);
    } else if is(findings, Verdict::Problem) {
        tried.iter_mut().for_each(|finding| finding.mend = None);
    }
    findings.extend(tried);
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_come_back_say_more_than_what_was_found() {
        let me = "host1".parse().unwrap();
        let [ok, warning, problem] = [
            Finding::ok(&me, "ok"),
            Finding::warning(&me, "warning", "mend"),
            Finding::problem(&me, "problem", "mend"),
        ];
        let weighed = |before: &[&Finding], tried: &[&Finding]| {
            let mut findings: Vec<_> = before.iter().copied().cloned().collect();
            let passes = weigh(&mut findings, tried.iter().copied().cloned().collect());
            let problems = findings.iter().filter(|finding| finding.verdict == Verdict::Problem).count();
            (passes, problems)
        };
        assert_eq!(weighed(&[&ok], &[&ok]), (Some(true), 0));
        assert_eq!(weighed(&[&problem], &[&ok, &warning]), (Some(true), 0));
        assert_eq!(weighed(&[&problem], &[&problem]), (Some(false), 2));
        assert_eq!(weighed(&[&ok], &[&ok, &problem]), (Some(false), 1));
        assert_eq!(weighed(&[&ok, &warning], &[]), (None, 0), "nothing was sent");
        assert_eq!(weighed(&[&ok], &[&warning]), (None, 0), "nothing could be sent");
        assert_eq!(weighed(&[&problem], &[]), (Some(false), 1));
    }

    #[test]
    fn another_node_speaks_for_itself_and_not_for_ever() {
        let liar = "host2".parse().unwrap();
        let long = Finding::problem(&"host1".parse().unwrap(), "x".repeat(1 << 20), "y".repeat(1 << 20));
        let taken = of(&liar, vec![long; 1000]);
        assert_eq!(taken.len(), MOST_FINDINGS);
        assert!(taken.iter().all(|finding| finding.node == liar && finding.what.len() == MOST_LETTERS));
    }
}
