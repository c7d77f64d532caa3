//! This node's place in the cluster: its record, and the session that says that it is up.
//!
//! A data directory can be copied, with the machine it is on or without it, and two nodes with one identity would take
//! away from each other what they have. So an agent that is not certain to be the only one asks first ([`call`]), and
//! one that finds another run of an agent in its place writes nothing more ([`Ownership`]).

mod call;
mod outside;
mod ownership;
mod register;
mod signing;

pub(crate) use outside::Outside;
pub(crate) use ownership::{OwnStore, Ownership};
pub(crate) use signing::{Signer, SigningError};

use crate::{config::AgentConfig, underlay::Underlay};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use weft_model::{Extra, Key, Keyspace, Node, TunnelEnd, chain};
use weft_state::{
    admission::Admission,
    cluster::Cluster,
    env::Env,
    journal::{Identity, Journal},
    memory::Memory,
    tunnel::OwnTunnel,
    view::{Gate, View},
};
use weft_store::{SessionId, Store, StoreError};
use weft_trust::Disbelief;
use weft_verbs::Error;

/// The first pause after a failure, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Keeps this node registered.
pub(crate) struct Membership {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyspace: Keyspace,
    pub(crate) env: Arc<Env>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) journal: Arc<Journal>,
    /// Where this host takes encrypted packets.
    pub(crate) tunnel: Arc<OwnTunnel>,
    /// By which others believe its record.
    pub(crate) signer: Arc<Signer>,
    /// Where this host is.
    pub(crate) underlay: watch::Receiver<Underlay>,
    /// Whether this agent may act as its node.
    pub(crate) ownership: watch::Sender<Ownership>,
    /// What keeps this node out of the cluster; `None` while it is in.
    pub(crate) problem: watch::Sender<Option<Outside>>,
}

/// Why a registration was not made.
enum NotRegistered {
    /// Another agent is up as this node, or holds its name.
    Taken(Error),
    /// The store: try again, later and later.
    Passing(String),
    /// The same, where the task that follows the store reports it, too.
    Away(String),
    /// The record was changed meanwhile, by a node that noticed that this one was down: try again at once.
    Race,
}

impl From<StoreError> for NotRegistered {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::Away(chain(&error)) } else { Self::Passing(chain(&error)) }
    }
}

impl Membership {
    /// Keeps this node registered for ever.
    ///
    /// # Errors
    /// Returns only if another live node has this node's name, or its identity, before this agent ever had it.
    pub(crate) async fn run(self) -> Error {
        let mut pause = FIRST_PAUSE;
        let mut registered_before = false;
        loop {
            self.admitted().await;
            let mut view = self.view.clone();
            let out_of_reach = view.borrow().in_store().is_none();
            // Seen before it is written down: what changes from here on is to be written again.
            let mut underlay = self.underlay.clone();
            underlay.mark_unchanged();
            match self.register().await {
                Ok(session) => {
                    pause = FIRST_PAUSE;
                    registered_before = true;
                    if self.problem.send_replace(None).is_some() {
                        tracing::info!(node = %self.config.node_name, "joined the cluster");
                    }
                    self.hold(&session, underlay).await;
                }
                Err(NotRegistered::Taken(error)) if !registered_before => return error,
                Err(NotRegistered::Taken(error)) => {
                    self.ownership.send_replace(Ownership::Contested(error.to_string()));
                    self.say(error.to_string());
                }
                Err(NotRegistered::Passing(why)) => self.say(why),
                Err(NotRegistered::Away(why)) => self.note(why),
                Err(NotRegistered::Race) => pause = FIRST_PAUSE,
            }
            // A store that is back, since this attempt began too, is no reason to wait any longer.
            let back = view.wait_for(|view| out_of_reach && view.in_store().is_some());
            let is_back = timeout(self.env.jitter(pause), back).await.is_ok();
            pause = if is_back { FIRST_PAUSE } else { (pause * 2).min(self.config.session_ttl / 4) };
        }
    }

    /// Waits until this node may use the store: before, it has no place there.
    async fn admitted(&self) {
        let mut view = self.view.clone();
        loop {
            let (gate, why) = {
                let view = view.borrow_and_update();
                (view.gate, view.error.clone())
            };
            match (gate, why) {
                (Gate::Open, _) => return,
                (Gate::Refused, Some(why)) => self.say(why),
                (Gate::Refused, None) | (Gate::Undecided, _) => {}
            }
            if view.changed().await.is_err() {
                // The agent is stopping.
                return std::future::pending().await;
            }
        }
    }

    /// Says why this node is not in: in the log once, in `status` as long as it lasts.
    fn say(&self, why: String) {
        let problem = Some(Outside::Kept(why.clone()));
        if self.problem.send_replace(problem.clone()) != problem {
            tracing::warn!(node = %self.config.node_name, why, "not in the cluster");
        }
    }

    /// The same for what is in the log anyway.
    fn note(&self, why: String) {
        tracing::debug!(node = %self.config.node_name, why, "not in the cluster");
        self.problem.send_replace(Some(Outside::StoreAway(why)));
    }

    /// Renews the session until it is lost, or the view shows that this node's keys are.
    async fn hold(&self, session: &SessionId, mut underlay: watch::Receiver<Underlay>) {
        let period = self.config.session_ttl / 3;
        let mut last = Instant::now();
        let mut view = self.view.clone();
        // The view may still be older than the registration: what it lacks now proves nothing yet, unless it is the
        // registration that is old by now.
        let is_in = async {
            tokio::select! {
                biased;
                news = view.wait_for(|view| self.is_in(view)) => drop(news),
                _ = underlay.changed() => {}
            }
        };
        let _ = timeout(period, is_in).await;
        loop {
            let mut seen = view.clone();
            let news = async {
                // In this order, so that the same happens when the same happens (`simulation`).
                tokio::select! {
                    biased;
                    news = seen.wait_for(|view| self.is_called(view) || self.is_out(view)) => drop(news),
                    _ = underlay.changed() => {}
                }
            };
            let heard = timeout(period, news).await.is_ok();
            if view.borrow().gate == Gate::Refused {
                return;
            }
            if heard && self.is_out(&view.borrow()) {
                // It may be out because of its certificate, and have a better one by now.
                self.signer.look_again();
                if self.host_differs_alone(&view.borrow()) {
                    tracing::debug!(node = %self.config.node_name, "what this node says of its host has changed; saying so");
                    return;
                }
                self.say_why_out(&view.borrow());
                return;
            }
            // Without a view of the store, calls have to be looked for there.
            if heard || view.borrow().in_store().is_none() {
                self.answer(session).await;
            }
            if self.signer.look_again() {
                tracing::info!(node = %self.config.node_name, "this host has a new certificate, or the authority's key; saying so in its record");
                return;
            }
            match self.store.renew_session(session).await {
                Ok(true) => last = Instant::now(),
                Ok(false) => {
                    tracing::warn!(node = %self.config.node_name, "the session was lost; joining again");
                    return;
                }
                Err(error) if last.elapsed() > self.config.session_ttl => {
                    self.note(chain(&error));
                    return;
                }
                Err(error) => tracing::debug!(error = chain(&error), "cannot renew the session"),
            }
        }
    }

    /// What a store that is as it was lacks, somebody took out.
    fn say_why_out(&self, view: &View) {
        let node = &self.config.node_name;
        let is_gone =
            |cluster: &Cluster| !cluster.nodes.contains_key(node) && !cluster.unbelieved.contains_key(node);
        let lost = view.stored.is_some();
        if !lost && view.cluster.as_ref().is_some_and(|cluster| is_gone(cluster)) {
            tracing::warn!(%node, "somebody took this node out of the store while it is up; writing it again");
        } else {
            tracing::info!(%node, "what the store says of this node is not so, or not any more; writing it again");
        }
    }

    fn is_lost(&self) -> bool {
        self.view.borrow().stored.is_some()
    }

    /// Whether a record says of this node what is so, no matter which node wrote it.
    fn is_true(&self, node: &Node) -> bool {
        let here = self.address();
        let underlay = self.underlay.borrow();
        node.uses == underlay.said
            && node.version == env!("CARGO_PKG_VERSION")
            && (node.underlay_mtu, node.device_mtu) == (underlay.carried(), underlay.more_in_devices())
            && node.tunnel == self.tunnel()
            && node.fingerprint == self.signer.fingerprint(self.identity.id())
            && node.authority == self.signer.holds_authority()
            && node.id == self.identity.id()
            && self.signer.is_in(node)
            && (node.advertise, node.vtep, node.vxlan_port) == (here, here, self.config.vxlan_port)
    }

    /// Where other nodes send encrypted packets to.
    fn tunnel(&self) -> Option<TunnelEnd> {
        let own = self.tunnel.end(self.identity.id())?;
        let (port, behind_nat) = (self.config.tunnel_port, self.config.behind_nat);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Some(TunnelEnd { key: own.key, port, version, behind_nat, extra: Extra::new() })
    }

    /// Whether the record is right but for what this node says of its host: what that uses changes with each network of an
    /// engine, and what fits through its devices with these.
    fn host_differs_alone(&self, view: &View) -> bool {
        // Borrowed once: a second borrow would wait for a task that waits to change the value, which waits for the
        // first borrow.
        let underlay = self.underlay.borrow().clone();
        let (underlay_mtu, device_mtu) = (underlay.carried(), underlay.more_in_devices());
        let node = view.in_store().and_then(|cluster| cluster.nodes.get(&self.config.node_name));
        let put_right = |node: &Node| Node { uses: underlay.said, underlay_mtu, device_mtu, ..node.clone() };
        node.is_some_and(|node| !self.is_true(node) && self.is_true(&put_right(node)))
    }

    /// Where other nodes reach this one.
    fn address(&self) -> IpAddr {
        self.config.reached_at(self.underlay.borrow().address)
    }

    fn is_out(&self, view: &View) -> bool {
        view.gate == Gate::Refused || view.in_store().is_some() && !self.is_in(view)
    }

    fn is_in(&self, view: &View) -> bool {
        let name = &self.config.node_name;
        let run = Some(self.identity.incarnation());
        let own = |cluster: &Cluster| {
            let said = cluster.nodes.get(name).is_some_and(|node| self.is_true(node));
            // A record that others do not believe is to be written again, if that mends it.
            let doubted = cluster.unbelieved.get(name);
            let (doubted, revoked) = (doubted.is_some(), doubted == Some(&Disbelief::Revoked));
            let readable = !cluster.unreadable.contains_key(&self.keyspace.path(&Key::Node(name.clone())));
            (if self.signer.signs() && !revoked { said && !doubted } else { said || doubted })
                && readable
                && cluster.live.get(name).is_some_and(|(live, _)| live.incarnation == run)
        };
        view.in_store().is_some_and(|cluster| own(cluster))
    }
}
