//! The only loop: snapshot → observe → plan → apply → status.
//!
//! A wake-up says "look again" and nothing more. After any wake-up, a round reads what should be, sees what is, and
//! takes the steps between; a timer wakes it besides, so that a missed wake-up costs a delay.

pub(crate) mod clash;
mod desired;
mod drift;
mod fuzzed;
mod moves;
mod mtu;
mod names;
mod publications;
mod resolvers;
mod rounds;

pub(crate) use desired::has_way_out;
pub(crate) use drift::KernelDrift;
pub(crate) use fuzzed::first_sight;
pub(crate) use rounds::{Report, Rounds};

use crate::{config::AgentConfig, host::Host, metrics::Metrics, underlay::Underlay};
use desired::{Below, desired, hand_over};
use moves::Moves;
use mtu::{Mtus, OwnMtu};
use names::Names;
use publications::Publications;
use resolvers::Resolvers;
use rounds::{Obstacle, Outcome, Request};
use std::{collections::BTreeMap, io, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};
use weft_datapath::Datapath;
use weft_model::Vni;
use weft_plan::{Desired, Entry, Netns, Observed, Plan, Step, Target, plan};
use weft_state::{
    cluster::Cluster,
    env::Env,
    error::chain,
    journal::{Journal, LocalEndpoints},
    view::View,
};

/// How often to look without a reason: a foreign change is repaired within this.
const PERIOD: Duration = Duration::from_secs(2);
/// How soon to look again after a failure; doubled after each further one, up to the period.
const RETRY: Duration = Duration::from_millis(50);

/// What the loop works with.
pub(crate) struct Reconciler {
    parts: Parts,
    names: Names,
    resolvers: Resolvers,
    reports: watch::Sender<Option<Arc<Report>>>,
    looks: watch::Sender<Option<Arc<KernelDrift>>>,
    requests: mpsc::Receiver<Request>,
    underlay: watch::Receiver<Underlay>,
    underlay_mtu: OwnMtu,
    /// When it was asked for. The kernel may be looked at all the time in between, as long as endpoints come and go.
    mtu_asked: Option<Instant>,
    mtus: Mtus,
    settled: Option<Settled>,
    moves: Moves,
    publications: Publications,
}

/// What rounds made without a failure since the kernel was looked at. Until the period is over it is taken to be as
/// they left it: most of what happens in a cluster changes little here, and to look at thousands of entries takes a
/// while, in which containers wait for their start.
struct Settled {
    desired: Desired,
    kernel: Observed,
    seen_at: Instant,
    outcome: Outcome,
}

impl Settled {
    fn is_due(&self) -> bool {
        self.seen_at.elapsed() >= PERIOD
    }
}

/// What a reconciler is made of.
pub(crate) struct Parts {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) datapath: Arc<dyn Datapath>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Reconciler {
    /// A loop that has not begun, and where its rounds can be followed.
    ///
    /// # Errors
    /// If the kernel gives no thread for the name servers.
    pub(crate) fn new(parts: Parts) -> io::Result<(Self, Rounds)> {
        let (reports, seen) = watch::channel(None);
        let (looks, looked) = watch::channel(None);
        let (ask, requests) = mpsc::channel(16);
        let names = Names::default();
        let dns = Arc::clone(&parts.metrics.dns);
        let resolvers = Resolvers::start(Arc::clone(&parts.host), &names, dns)?;
        let underlay = parts.host.underlay();
        let reconciler = Self {
            parts,
            names,
            resolvers,
            reports,
            looks,
            requests,
            underlay,
            underlay_mtu: OwnMtu::default(),
            mtu_asked: None,
            mtus: Mtus::default(),
            settled: None,
            moves: Moves::default(),
            publications: Publications::default(),
        };
        Ok((reconciler, Rounds::new(seen, looked, ask)))
    }

    /// Goes round for ever. Safe to cancel at any time: the next agent's first round goes on from there.
    pub(crate) async fn run(mut self) {
        let mut journal = self.parts.journal.changes();
        let mut view = self.parts.view.clone();
        let mut pause = RETRY;
        let (mut asked, mut looking) = (None, None);
        loop {
            let removals = self.parts.journal.removals();
            // Marked as seen before they are read: what changes from here on wakes the next round.
            let endpoints = Arc::clone(&journal.borrow_and_update());
            let now = view.borrow_and_update().clone();
            let complete = self.round(endpoints, removals, now).await;
            if let Some(answer) = looking.take() {
                answered(answer);
            }
            if let Some(answer) = asked.take() {
                // What has changed is done by now: that it was not is no difference worth telling. What was seen before is
                // given up first, so that there are never two of it.
                self.settled = None;
                looking = Some(answer);
                continue;
            }
            let wait = if complete { self.until_due() } else { pause };
            pause = if complete { RETRY } else { (pause * 2).min(PERIOD) };
            // Each branch is cancel-safe: a watch keeps its change, a channel its message, a sandbox is still there.
            // In this order, so that the same happens when the same happens (`simulation`). None keeps another
            // waiting: a round comes after each of them.
            let woken = async {
                tokio::select! {
                    biased;
                    request = self.requests.recv() => request,
                    _ = journal.changed() => None,
                    _ = view.changed() => None,
                    _ = self.underlay.changed() => None,
                    () = self.resolvers.appeared() => None,
                }
            };
            match timeout(wait, woken).await {
                Ok(Some(request)) if request.is_given_up() => {}
                Ok(Some(Request::Look(answer))) => asked = Some(answer),
                Ok(Some(Request::Plan(answer))) => self.answer(answer).await,
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// One round. Returns whether everything is as it should be now.
    async fn round(&mut self, endpoints: LocalEndpoints, removals: u64, view: View) -> bool {
        let began = Instant::now();
        self.names.update(view.cluster.as_deref().unwrap_or(&Cluster::default()), &endpoints);
        let wanted = self.wanted(&endpoints, &view).await;
        let remembered = view.remembered;
        // Dropped, so that a change of the view need not copy it while the kernel is at work.
        drop(view);
        let outcome = match wanted {
            Ok(Some(desired)) => self.bring_about(desired, remembered).await.unwrap_or_else(Outcome::failed),
            Ok(None) => Outcome::default(),
            Err(error) => {
                self.not_seen(&error);
                Outcome::failed(error)
            }
        };
        let unresolved = self.resolvers.serve(&endpoints).await;
        let report = Report {
            endpoints,
            removals,
            outcome,
            unresolved,
            at: self.parts.env.now(),
            took: began.elapsed(),
        };
        let complete = report.is_complete();
        self.parts.metrics.rounds.round(complete, report.took);
        self.reports.send_replace(Some(Arc::new(report)));
        complete
    }

    /// What should be. None before the store was ever reached: nobody knows what is missing and what is too much
    /// then, and what an earlier agent left goes on carrying packets.
    async fn wanted(&mut self, endpoints: &LocalEndpoints, view: &View) -> Result<Option<Desired>, String> {
        let Some(cluster) = &view.cluster else { return Ok(None) };
        // Now and then: it takes a list of all links. But a network begins with what is so now: it would keep less for minutes.
        let begins = endpoints.values().any(|local| !self.mtus.has(&local.network_id));
        if begins || self.mtu_asked.is_none_or(|asked| asked.elapsed() >= PERIOD) {
            self.mtu_asked = Some(Instant::now());
            let others = cluster.nodes.iter().filter(|(name, _)| **name != self.parts.config.node_name);
            let others = others.map(|(_, node)| node.vtep).collect();
            let found = self.parts.host.underlay_mtu(others).await;
            self.underlay_mtu.found(found.map_err(|error| error.to_string()));
        }
        let underlay = self.underlay.borrow().clone();
        let me = &self.parts.config.node_name;
        let recorded = cluster.nodes.get(me).and_then(|node| node.underlay_mtu);
        let own = (self.underlay_mtu.or(recorded.or(underlay.mtu)), underlay.address);
        let networks: BTreeMap<_, _> =
            endpoints.values().map(|local| (&local.network_id, &local.network)).collect();
        let fits = networks.into_iter().map(|network| (*network.0, mtu::fits(cluster, network, me, own)));
        let mtus = self.mtus.follow(Instant::now(), fits);
        let below = Below { vtep: underlay.address, mtus: &mtus };
        let mut desired = desired(&self.parts.config, cluster, endpoints, below);
        desired.close_ways_out(|pool| clash::in_the_way(pool, me, cluster, &underlay).is_some());
        Ok(Some(desired))
    }

    /// What is, and the steps from there to what should be.
    async fn look(&mut self, desired: &mut Desired) -> Result<(Observed, Plan), String> {
        let observed = self.parts.datapath.observe(desired).await.map_err(|error| chain(&error));
        let observed = observed.inspect_err(|why| self.not_seen(why))?;
        self.mtus.resume(desired, &observed);
        // An engine may have taken its end by the time it was looked for, if it was told of it by then.
        hand_over(desired, &self.parts.journal.endpoints());
        let plan = plan(desired, &observed);
        let now = self.parts.env.now();
        let before = self.looks.borrow().clone();
        let seen = KernelDrift::seen(before.as_deref(), now, (desired, &observed, &plan));
        self.looks.send_replace(Some(Arc::new(seen)));
        Ok((observed, plan))
    }

    /// The kernel could not be looked at: what is known of it gets older.
    fn not_seen(&self, why: &str) {
        self.looks.send_modify(|looked| {
            *looked = looked.as_ref().map(|before| Arc::new(KernelDrift::clone(before).failed(why)));
        });
    }

    async fn bring_about(&mut self, mut desired: Desired, remembered: bool) -> Result<Outcome, String> {
        let mut settled = self.settled.take().filter(|settled| !settled.is_due());
        // To hand something over takes no step: what was settled before is settled after.
        let endpoints = self.parts.journal.endpoints();
        let known = settled.as_mut().map(|settled| &mut settled.desired);
        known.into_iter().chain([&mut desired]).for_each(|desired| hand_over(desired, &endpoints));
        if let Some(settled) = settled.take_if(|settled| settled.desired == desired) {
            let outcome = Outcome { steps: 0, ..settled.outcome.clone() };
            self.settled = Some(settled);
            return Ok(outcome);
        }
        let now = Instant::now();
        let (mut kernel, plan, seen_at) = match settled {
            Some(Settled { kernel, seen_at, .. }) if kernel.suffices_for(&Target::of(&desired)) => {
                let plan = plan(&desired, &kernel);
                (kernel, plan, seen_at)
            }
            _ => {
                let (kernel, plan) = self.look(&mut desired).await?;
                (kernel, plan, now)
            }
        };
        let plan = if remembered { beside_what_is_there(plan) } else { plan };
        let outcome = self.apply(&plan).await;
        if outcome.has_filter() {
            self.publications.follow(&desired, &*self.parts.datapath).await;
        }
        if remembered {
            return Ok(outcome);
        }
        let moved = self.moves.since_last(&desired, &endpoints);
        if !moved.is_empty() {
            self.parts.datapath.announce(moved).await;
        }
        if outcome.failures.is_empty() && plan.steps.iter().all(|step| kernel.take(step).is_ok()) {
            self.settled = Some(Settled { desired, kernel, seen_at, outcome: outcome.clone() });
        }
        Ok(outcome)
    }

    /// How long until the kernel is to be looked at without a reason.
    fn until_due(&self) -> Duration {
        self.settled.as_ref().map_or(PERIOD, |settled| PERIOD.saturating_sub(settled.seen_at.elapsed()))
    }

    async fn apply(&self, plan: &Plan) -> Outcome {
        let report = self.parts.datapath.apply(plan).await;
        self.parts.metrics.rounds.steps(plan, &report);
        for step in &plan.steps {
            tracing::debug!(%step, "step");
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

    /// Says what a round would do now, without doing it.
    async fn answer(&mut self, answer: oneshot::Sender<Result<Vec<String>, String>>) {
        let view = self.parts.view.borrow().clone();
        let endpoints = self.parts.journal.endpoints();
        let plan = match self.wanted(&endpoints, &view).await {
            Ok(Some(mut desired)) => self.look(&mut desired).await.map(|(_, plan)| plan),
            Ok(None) => Ok(Plan::default()),
            Err(error) => Err(error),
        };
        let plan = plan.map(|plan| {
            let steps = plan.steps.iter().map(ToString::to_string);
            steps.chain(plan.problems.iter().map(|problem| format!("problem: {problem}"))).collect()
        });
        // The caller may have given up.
        let _ = answer.send(plan);
    }
}

/// What an agent remembers of the others is older than what it last did: on a segment that is there it changes
/// nothing of theirs.
fn beside_what_is_there(plan: Plan) -> Plan {
    let made = |netns: &Netns| {
        plan.steps.iter().any(|step| matches!(step, Step::CreateNamespace(_)) && step.netns() == *netns)
    };
    let of_others = |step: &&Step| match step {
        Step::Add(netns, _, entry) | Step::Delete(netns, _, entry) => {
            matches!(entry, Entry::Fdb(..) | Entry::Neighbour(..)) && !made(netns)
        }
        _ => false,
    };
    let steps = plan.steps.iter().filter(|step| !of_others(step)).cloned().collect();
    Plan { steps, ..plan }
}

/// Says that it is done. The caller may have given up.
fn answered(answer: oneshot::Sender<()>) {
    let _ = answer.send(());
}

/// The segment that a step takes an endpoint, or all of them, out of.
fn cleared_by(step: &Step) -> Option<Vni> {
    match step {
        Step::DeleteNamespace(vni) | Step::DeleteLink(Netns::Segment(vni), _) => Some(*vni),
        _ => None,
    }
}
