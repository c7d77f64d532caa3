//! The only loop: snapshot → observe → plan → apply → status.
//!
//! A wake-up says "look again" and nothing more. After any wake-up, a round reads what should be, sees what is, and
//! takes the steps between; a timer wakes it besides, so that a missed wake-up costs a delay.

mod carry_out;
pub(crate) mod clash;
mod desired;
mod drift;
mod fuzzed;
mod hosts;
mod moves;
mod mtu;
mod names;
mod publications;
mod remotes;
mod resolvers;
mod rounds;
mod settled;
mod tunnels;

pub(crate) use desired::has_way_out;
pub(crate) use drift::KernelDrift;
pub(crate) use fuzzed::first_sight;
pub(crate) use rounds::{RoundReport, Rounds};
pub(crate) use tunnels::contested;

use crate::{config::AgentConfig, host::Host, metrics::Metrics, paths, underlay::Underlay};
use carry_out::beside_what_is_there;
use desired::{Below, desired, hand_over, peers};
use hosts::HostsByNetwork;
use moves::Moves;
use mtu::{Mtus, OwnMtu};
use names::NameTables;
use publications::Publications;
use remotes::RemotesBySegment;
use resolvers::Resolvers;
use rounds::{LoopRequest, Outcome};
use settled::{OwnFdb, PERIOD, Rest, Settled};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use weft_datapath::{Datapath, Part};
use weft_model::{Vni, chain};
use weft_plan::{Desired, Doubt, Observed, Plan, Target, plan};
use weft_state::{
    cluster::Cluster,
    env::Env,
    journal::{Identity, Journal, LocalEndpoints},
    tunnel::{OwnEnd, OwnTunnel},
    view::View,
};

/// How soon to look again after a failure; doubled after each further one, up to the period.
const RETRY: Duration = Duration::from_millis(50);

/// What the loop works with.
pub(crate) struct Reconciler {
    parts: Parts,
    names: NameTables,
    resolvers: Resolvers,
    reports: watch::Sender<Option<Arc<RoundReport>>>,
    looks: watch::Sender<Option<Arc<KernelDrift>>>,
    requests: mpsc::Receiver<LoopRequest>,
    underlay: watch::Receiver<Underlay>,
    underlay_mtu: OwnMtu,
    /// When it was asked for. The kernel may be looked at all the time in between, as long as endpoints come and go.
    mtu_asked: Option<Instant>,
    mtus: Mtus,
    hosts: HostsByNetwork,
    remotes: RemotesBySegment,
    settled: Option<Settled>,
    /// Where the kernel may be other than it was seen last.
    doubt: Doubt,
    own_fdb: OwnFdb,
    rest: Option<Rest>,
    moves: Moves,
    publications: Publications,
}

/// What a reconciler is made of.
pub(crate) struct Parts {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) datapath: Arc<dyn Datapath>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) tunnel: Arc<OwnTunnel>,
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
        let names = NameTables::default();
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
            hosts: HostsByNetwork::default(),
            remotes: RemotesBySegment::default(),
            settled: None,
            doubt: Doubt::None,
            own_fdb: OwnFdb::default(),
            rest: None,
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
            let due = Instant::now() + wait;
            let woken = loop {
                // Each branch is cancel-safe: a watch keeps its change, a channel its message, a sandbox is still there,
                // and what the kernel tells is told later. In this order, so that the same happens when the same
                // happens (`simulation`). None keeps another waiting: a round comes after each of them, but news that
                // are known.
                let woken = async {
                    tokio::select! {
                        biased;
                        request = self.requests.recv() => request,
                        _ = journal.changed() => None,
                        _ = view.changed() => None,
                        _ = self.underlay.changed() => None,
                        () = self.resolvers.appeared() => None,
                        news = self.parts.datapath.news() => Some(LoopRequest::Hear(news)),
                    }
                };
                match timeout_at(due, woken).await {
                    Ok(Some(LoopRequest::Hear(news))) if !self.hear(&news) => {}
                    Ok(woken) => break woken,
                    Err(_) => break None,
                }
            };
            match woken {
                Some(request) if request.is_given_up() => {}
                Some(LoopRequest::Look(answer)) => asked = Some(answer),
                Some(LoopRequest::Plan(answer)) => self.answer(answer).await,
                Some(LoopRequest::Hear(_)) | None => {}
            }
        }
    }

    /// One round. Returns whether everything is as it should be now.
    async fn round(&mut self, endpoints: LocalEndpoints, removals: u64, view: View) -> bool {
        let began = Instant::now();
        self.names.update(view.cluster.as_deref().unwrap_or(&Cluster::default()), &endpoints);
        let present = self.in_their_namespaces(&endpoints);
        let wanted = self.wanted(&present, &view).await;
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
        let unresolved = self.resolvers.serve(&present).await;
        let report = RoundReport {
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

    /// Those whose namespace has not become another's, which nothing is put into: until `housekeeping` notices.
    fn in_their_namespaces(&self, endpoints: &LocalEndpoints) -> LocalEndpoints {
        let host = &self.parts.host;
        if !endpoints.values().any(|local| host.is_anothers(local)) {
            return Arc::clone(endpoints);
        }
        let present = endpoints.iter().filter(|(_, local)| !host.is_anothers(local));
        Arc::new(present.map(|(id, local)| (*id, local.clone())).collect())
    }

    /// What should be. None before the store was ever reached: nobody knows what is missing and what is too much
    /// then, and what an earlier agent left goes on carrying packets.
    async fn wanted(&mut self, endpoints: &LocalEndpoints, view: &View) -> Result<Option<Desired>, String> {
        let Some(cluster) = &view.cluster else { return Ok(None) };
        // Now and then: it takes a list of all links. But a network begins with what is so now: it would keep less for minutes.
        let begins = endpoints.values().any(|local| !self.mtus.has(&local.network_id));
        let is_due = self.mtu_asked.is_none_or(|asked| asked.elapsed() >= self.glance_period());
        if begins || is_due || self.underlay_mtu.is_other(self.underlay.borrow().mtu) {
            self.mtu_asked = Some(Instant::now());
            let others = peers(&self.parts.config.node_name, cluster);
            let found = self.parts.host.underlay_mtu(others).await;
            self.underlay_mtu.found(found.map_err(|error| error.to_string()));
        }
        let underlay = self.underlay.borrow().clone();
        let me = &self.parts.config.node_name;
        let recorded = cluster.nodes.get(me).and_then(|node| node.device_mtu());
        let device = self.underlay_mtu.or(recorded.or(underlay.mtu));
        let own = (underlay.between.map_or(device, |between| between.min(device)), underlay.address);
        let networks: BTreeMap<_, _> =
            endpoints.values().map(|local| (&local.network_id, &local.network)).collect();
        networks.keys().for_each(|id| self.hosts.follow(cluster, **id));
        self.hosts.retain(|id| networks.contains_key(id));
        let fits = networks
            .into_iter()
            .map(|(id, network)| (*id, mtu::fits(cluster, network, self.hosts.lasting(id), me, own)));
        let mtus = self.mtus.follow(Instant::now(), fits);
        let own_end = self.own_end(endpoints);
        let below = Below { vtep: underlay.address, underlay_mtu: own.0, own_end, mtus: &mtus };
        let mut desired = desired(&self.parts.config, cluster, endpoints, &below, &mut self.remotes);
        tunnels::add(&mut desired, &self.parts.config, cluster, (endpoints, &self.hosts), &below);
        let segments = endpoints.values().flat_map(|local| local.network.segments());
        let segments: BTreeSet<Vni> = segments.map(|segment| segment.vni).collect();
        // What passes is measured with as much as the devices carry.
        let place = (below.vtep, device);
        desired.probe = paths::device(&self.parts.config, cluster, &self.parts.identity.id(), place);
        self.remotes.retain(|vni| segments.contains(vni));
        desired.close_ways_out(|pool| clash::in_the_way(pool, me, cluster, &underlay).is_some());
        Ok(Some(desired))
    }

    /// This host's end of the tunnels, where a network needs it. The kernel is given its secret.
    fn own_end(&self, endpoints: &LocalEndpoints) -> Option<OwnEnd> {
        let needed = endpoints.values().any(|local| local.network.is_encrypted());
        let own = needed.then(|| self.parts.tunnel.end(self.parts.identity.id())).flatten()?;
        self.parts.datapath.encrypt_with(own.secret.clone());
        Some(own)
    }

    /// What is, and the steps from there to what should be. Of what is `known`, only a part is looked at.
    async fn look(
        &mut self,
        desired: &mut Desired,
        known: Option<(Observed, Part)>,
    ) -> Result<(Observed, Plan), String> {
        let began = Instant::now();
        let datapath = &self.parts.datapath;
        let observed = match known {
            None => {
                // What the kernel has not told of by now was no change.
                self.own_fdb = OwnFdb::default();
                datapath.observe(desired).await
            }
            Some((mut kernel, part)) => datapath.observe_part(desired, &part).await.map(|seen| {
                match part {
                    Part::Namespaces(unseen) => kernel.renew(&unseen, seen),
                    Part::Links => kernel.glance(seen),
                }
                kernel
            }),
        };
        self.rest = Some(Rest::after(began));
        let observed = observed.map_err(|error| chain(&error)).inspect_err(|why| self.not_seen(why))?;
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
        let doubt = self.take_doubt();
        let mut settled =
            self.settled.take().filter(|settled| doubt != Doubt::Everything && self.holds(settled));
        let glances = doubt == Doubt::Links
            || settled.as_ref().is_some_and(|settled| settled.glanced_at.elapsed() >= self.glance_period());
        // To hand something over takes no step: what was settled before is settled after.
        let endpoints = self.parts.journal.endpoints();
        let known = settled.as_mut().map(|settled| &mut settled.desired);
        known.into_iter().chain([&mut desired]).for_each(|desired| hand_over(desired, &endpoints));
        if let Some(settled) = settled.take_if(|settled| !glances && settled.desired == desired) {
            let outcome = Outcome { steps: 0, ..settled.outcome.clone() };
            self.settled = Some(settled);
            return Ok(outcome);
        }
        let now = Instant::now();
        let times = settled.as_ref().map(|settled| (settled.seen_at, settled.glanced_at));
        let (seen_at, glanced_at) = times.unwrap_or((now, now));
        let glanced_at = if glances { now } else { glanced_at };
        let (mut kernel, plan) = match settled.map(|settled| settled.kernel) {
            None => self.look(&mut desired, None).await?,
            Some(kernel) if glances => self.look(&mut desired, Some((kernel, Part::Links))).await?,
            Some(kernel) => {
                let unseen = kernel.lacks(&Target::of(&desired));
                if unseen.is_empty() {
                    let plan = plan(&desired, &kernel);
                    (kernel, plan)
                } else {
                    self.look(&mut desired, Some((kernel, Part::Namespaces(unseen)))).await?
                }
            }
        };
        let plan = if remembered { beside_what_is_there(desired.clone(), &kernel, plan) } else { plan };
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
            kernel.share(&desired);
            self.settled = Some(Settled { desired, kernel, seen_at, glanced_at, outcome: outcome.clone() });
        }
        Ok(outcome)
    }

    /// Says what a round would do now, without doing it.
    async fn answer(&mut self, answer: oneshot::Sender<Result<Vec<String>, String>>) {
        let view = self.parts.view.borrow().clone();
        let endpoints = self.in_their_namespaces(&self.parts.journal.endpoints());
        let plan = match self.wanted(&endpoints, &view).await {
            Ok(Some(mut desired)) => self.look(&mut desired, None).await.map(|(_, plan)| plan),
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

/// Says that it is done. The caller may have given up.
fn answered(answer: oneshot::Sender<()>) {
    let _ = answer.send(());
}
