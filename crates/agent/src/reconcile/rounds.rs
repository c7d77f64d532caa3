//! The results of the rounds, for tasks that wait for one.

use super::drift::KernelDrift;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use weft_datapath::Failure;
use weft_model::{EndpointId, NetworkId, Vni};
use weft_plan::{KernelNews, Netns, Problem, Step};
use weft_state::journal::{LocalEndpoint, LocalEndpoints};
use weft_verbs::{Error, Kind};

/// How long an endpoint's part of the kernel may go on failing before its request fails.
const FAILING_PATIENCE: Duration = Duration::from_secs(2);

/// What the loop is asked for.
pub(super) enum LoopRequest {
    /// What the next round would change.
    Plan(oneshot::Sender<Result<Vec<String>, String>>),
    /// To look at the kernel now; answered when that is done.
    Look(oneshot::Sender<()>),
    /// To hear what the kernel tells.
    Hear(Vec<KernelNews>),
}

impl LoopRequest {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Plan(answer) => answer.is_closed(),
            Self::Look(answer) => answer.is_closed(),
            Self::Hear(news) => news.is_empty(),
        }
    }
}

/// What was done, and what was not.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// Steps taken.
    pub(super) steps: usize,
    /// Steps that failed.
    pub(super) failures: Vec<Obstacle>,
    /// What stands in the way.
    pub(super) problems: Vec<Obstacle>,
    /// The segments in which something may be left that should be gone; absent if nobody looked.
    pub(super) uncleared: Option<BTreeSet<Vni>>,
}

impl Outcome {
    /// Nothing could be done at all.
    pub(super) fn failed(why: String) -> Self {
        Self { failures: vec![Obstacle { netns: None, link: None, why }], ..Self::default() }
    }

    /// Whether the packet filter is as it should be.
    pub(super) fn has_filter(&self) -> bool {
        self.failures.iter().all(|obstacle| obstacle.netns.is_some())
    }
}

/// Why something is not as it should be.
#[derive(Debug, Clone)]
pub(super) struct Obstacle {
    /// The namespace it is in; everywhere if absent.
    pub(super) netns: Option<Netns>,
    /// The link it is about, if it is about one.
    pub(super) link: Option<String>,
    pub(super) why: String,
}

impl From<&Failure> for Obstacle {
    fn from(failure: &Failure) -> Self {
        let step = &failure.step;
        // Without the packet filter nothing is as it should be.
        let everywhere = matches!(step, Step::SetRuleset(_) | Step::DeleteRuleset);
        Self {
            netns: (!everywhere).then(|| step.netns()),
            link: step.link().map(ToOwned::to_owned),
            why: failure.to_string(),
        }
    }
}

impl From<&Problem> for Obstacle {
    fn from(Problem { netns, link, message }: &Problem) -> Self {
        let link = link.as_ref().map(ToString::to_string);
        Self { netns: Some(netns.clone()), link, why: message.clone() }
    }
}

impl Obstacle {
    fn concerns(&self, local: &LocalEndpoint) -> bool {
        match &self.netns {
            None => true,
            Some(Netns::Tunnel) => local.network.is_encrypted(),
            Some(Netns::Segment(vni)) => local.vni() == Some(*vni),
            Some(Netns::Container(netns)) => *netns == local.netns,
            // Of all that is in the host's namespace, an endpoint needs no more than the end that waits there.
            Some(Netns::Host) => {
                local.owner.is_engine() && self.link.as_deref() == Some(local.ifname.as_str())
            }
        }
    }
}

/// One round.
#[derive(Debug)]
pub(crate) struct RoundReport {
    /// What the journal said: the endpoints that should be.
    pub(crate) endpoints: LocalEndpoints,
    /// [`Journal::removals`](weft_state::journal::Journal::removals) before it was read.
    pub(super) removals: u64,
    pub(super) outcome: Outcome,
    /// Namespaces in which names cannot be served, and why.
    pub(super) unresolved: Vec<(Netns, String)>,
    /// When it ended.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
}

impl RoundReport {
    pub(super) fn is_complete(&self) -> bool {
        self.outcome.failures.is_empty() && self.unresolved.is_empty()
    }

    /// Whether nothing is left in the kernel of the first `removals` endpoints that the journal forgot, of
    /// those on the segment `vni`, or on any.
    pub(crate) fn has_let_go(&self, removals: u64, vni: Option<Vni>) -> bool {
        let Some(uncleared) = &self.outcome.uncleared else { return false };
        let clear = vni.map_or(uncleared.is_empty(), |vni| !uncleared.contains(&vni));
        clear && self.removals >= removals
    }

    /// Why an endpoint is not as it should be.
    pub(crate) fn failure_of(&self, id: &EndpointId) -> Option<&str> {
        let local = self.endpoints.get(id)?;
        let mut troubles = self.outcome.failures.iter().chain(&self.outcome.problems);
        troubles.find(|obstacle| obstacle.concerns(local)).map(|obstacle| obstacle.why.as_str())
    }

    /// What somebody should look at.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &String> {
        let problems = self.outcome.problems.iter().map(|obstacle| &obstacle.why);
        self.failures().chain(problems).chain(self.unresolved.iter().map(|(_, why)| why))
    }

    /// How many steps were taken.
    pub(crate) fn steps(&self) -> usize {
        self.outcome.steps
    }

    /// The steps that failed, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &String> {
        self.outcome.failures.iter().map(|obstacle| &obstacle.why)
    }
}

/// Where the rounds can be followed.
#[derive(Clone)]
pub(crate) struct Rounds {
    reports: watch::Receiver<Option<Arc<RoundReport>>>,
    looks: watch::Receiver<Option<Arc<KernelDrift>>>,
    ask: mpsc::Sender<LoopRequest>,
}

impl Rounds {
    pub(super) fn new(
        reports: watch::Receiver<Option<Arc<RoundReport>>>,
        looks: watch::Receiver<Option<Arc<KernelDrift>>>,
        ask: mpsc::Sender<LoopRequest>,
    ) -> Self {
        Self { reports, looks, ask }
    }

    /// The last round, once there was one.
    pub(crate) fn last(&self) -> Option<Arc<RoundReport>> {
        self.reports.borrow().clone()
    }

    /// What the last look at the kernel has shown, once there was one.
    pub(crate) fn kernel(&self) -> Option<Arc<KernelDrift>> {
        self.looks.borrow().clone()
    }

    /// The MTU of a network that should be here, in bytes, by that look.
    pub(crate) fn mtu(&self, network: &NetworkId) -> Option<u16> {
        self.kernel()?.mtus.get(network).and_then(|mtu| u16::try_from(*mtu).ok())
    }

    /// Has the kernel looked at, unless that takes too long: then what is known stays as old as it is.
    pub(crate) async fn look(&self, patience: Duration) {
        let looked = async {
            let (answer, answered) = oneshot::channel();
            self.ask.send(LoopRequest::Look(answer)).await.ok()?;
            answered.await.ok()
        };
        let _ = timeout(patience, looked).await;
    }

    /// The first round, from now on, that `shows` what is waited for.
    ///
    /// # Errors
    /// [`Kind::Internal`] if there is none in time.
    pub(crate) async fn after(
        &self,
        patience: Duration,
        shows: impl Fn(&RoundReport) -> bool,
    ) -> Result<Arc<RoundReport>, Error> {
        let mut reports = self.reports.clone();
        let wanted = |report: &Option<Arc<RoundReport>>| report.as_ref().is_some_and(|report| shows(report));
        let message = match timeout(patience, reports.wait_for(wanted)).await {
            Ok(Ok(report)) => match report.as_ref() {
                Some(report) => return Ok(Arc::clone(report)),
                None => "the kernel's network state was not looked at; see `weft status`".to_owned(),
            },
            // Nobody makes rounds any more.
            Ok(Err(_)) => {
                "the agent stopped before the kernel's network state was brought up to date".to_owned()
            }
            Err(_) => format!(
                "the kernel's network state was not brought up to date within {patience:?}; see `weft status`"
            ),
        };
        Err(Error::new(Kind::Internal, message))
    }

    /// Waits until an endpoint that the journal has is in the kernel.
    ///
    /// # Errors
    /// [`Kind::Internal`], saying why, if it goes on failing.
    pub(crate) async fn made(&self, patience: Duration, id: &EndpointId) -> Result<(), Error> {
        let report = self.after(patience, |report| report.endpoints.contains_key(id)).await?;
        let Some(mut why) = report.failure_of(id).map(ToOwned::to_owned) else { return Ok(()) };
        let mut reports = self.reports.clone();
        let retried = timeout(FAILING_PATIENCE, async {
            while reports.changed().await.is_ok() {
                let Some(report) = reports.borrow_and_update().clone() else { continue };
                match report.failure_of(id) {
                    Some(again) => again.clone_into(&mut why),
                    None => return true,
                }
            }
            false
        });
        if retried.await.unwrap_or(false) { Ok(()) } else { Err(Error::new(Kind::Internal, why)) }
    }

    /// What the next round would change.
    pub(crate) async fn plan(&self) -> Result<Vec<String>, Error> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::new(Kind::Internal, "the loop has ended: see the agent's log");
        self.ask.send(LoopRequest::Plan(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(|why| Error::new(Kind::Internal, why))
    }
}
