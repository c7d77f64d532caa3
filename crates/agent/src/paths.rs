//! Measures the paths to the other hosts, for as long as the agent runs. What it finds is for people; of the data plane
//! only the MTU goes by it. Where it cannot measure, it says so and goes on.

mod between;
mod known;
mod peers;
mod pings;

pub(crate) use known::KnownPaths;
pub(crate) use peers::{close, device, measured};
pub(crate) use pings::{Echo, Pinger};

use crate::{config::AgentConfig, host::Host, reconcile::Parts, underlay::Underlay};
use between::Between;
use peers::{Acquaintances, carried};
use pings::{Ask, Pings, Unsent};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    task::coop::consume_budget,
    time::{sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use weft_model::{IfName, Vni};
use weft_netlink::{Frames, named_path};
use weft_path::{ETHERTYPE, Path, Prober};
use weft_plan::Netns;
use weft_state::{env::Env, journal::Identity, tunnel::OwnTunnel, view::View};

/// How often to look whom to measure to, and whether the device is still there, at least; more often than this, nothing new
/// is said.
const PERIOD: Duration = Duration::from_secs(1);

/// What measures.
pub(crate) struct Paths {
    config: Arc<AgentConfig>,
    env: Arc<Env>,
    identity: Arc<Identity>,
    tunnel: Arc<OwnTunnel>,
    view: watch::Receiver<View>,
    host: Arc<dyn Host>,
    between: Between,
    underlay: watch::Receiver<Underlay>,
    pub(crate) known: watch::Sender<Arc<KnownPaths>>,
    /// Where others have frames sent.
    pub(crate) pinger: Pinger,
    pings: Pings,
}

impl Paths {
    /// Of the agent that the loop is of.
    pub(crate) fn beside(reconciler: &Parts) -> Self {
        let (pinger, pings) = Pings::channel();
        Self {
            config: Arc::clone(&reconciler.config),
            env: Arc::clone(&reconciler.env),
            identity: Arc::clone(&reconciler.identity),
            tunnel: Arc::clone(&reconciler.tunnel),
            view: reconciler.view.clone(),
            host: Arc::clone(&reconciler.host),
            between: Between::default(),
            underlay: reconciler.host.underlay(),
            known: watch::Sender::default(),
            pinger,
            pings,
        }
    }

    /// Measures until the agent stops, and says so to the others then. Safe to cancel.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut course = Course::new(&self.identity, &self.env);
        while !stop.is_cancelled() {
            // Another one from a copy's data directory is another node.
            if *course.prober.own() != self.identity.id() {
                course = Course::new(&self.identity, &self.env);
            }
            self.follow(&mut course).await;
            let outcome = match &course.socket {
                Some(socket) => {
                    let measuring = measure(socket, &mut course.prober, &mut course.frame, &mut self.pings);
                    stop.run_until_cancelled(measuring).await.unwrap_or(Ok(()))
                }
                None => {
                    self.pings.refuse();
                    stop.run_until_cancelled(sleep(PERIOD)).await;
                    Ok(())
                }
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "the device that paths are measured through went away");
                course.socket = None;
                stop.run_until_cancelled(sleep(PERIOD)).await;
            }
            self.publish(&course);
        }
        if let Some(socket) = &course.socket {
            course.prober.bye(Instant::now()).iter().for_each(|frame| drop(socket.send(frame)));
        }
    }

    /// Measures to those that are there now, if there is a device to do it through.
    async fn follow(&mut self, course: &mut Course) {
        let mtu = self.underlay.borrow().mtu;
        // Nobody else has the other end of the view: it is there as long as the agent is.
        let is_news = self.view.has_changed().unwrap_or(false) || course.mtu != Some(mtu);
        if is_news {
            let cluster = self.view.borrow_and_update().cluster.clone();
            let own = self.tunnel.end(self.identity.id());
            let peers = cluster
                .zip(own)
                .map(|(cluster, own)| course.acquaintances.peers(&self.config, &cluster, &own, mtu));
            course.mtu = Some(mtu);
            course.prober.follow(peers.unwrap_or_default(), Instant::now());
        }
        if course.prober.is_idle() || course.socket.as_ref().is_some_and(|socket| !socket.is_there()) {
            course.socket = None;
        }
        if course.socket.is_none() && !course.prober.is_idle() {
            course.open().await;
        }
    }

    fn publish(&mut self, course: &Course) {
        // What cannot be measured now is not known any more.
        let paths = course.socket.as_ref().map(|_| course.prober.paths()).unwrap_or_default();
        // It takes a look at all endpoints.
        if self.between.holds() || paths.values().any(Path::is_narrow) {
            let cluster = self.view.borrow().cluster.clone();
            let carried = cluster.map(|cluster| carried(&cluster, &self.config.node_name, &paths));
            self.host.carried_between(self.between.follow(&carried.unwrap_or_default(), Instant::now()));
        }
        let now = KnownPaths { paths, trouble: course.trouble.clone() };
        self.known.send_if_modified(|known| {
            let news = **known != now;
            if news {
                *known = Arc::new(now);
            }
            news
        });
    }
}

/// What a measurement goes on with.
struct Course {
    prober: Prober,
    acquaintances: Acquaintances,
    socket: Option<Frames>,
    /// Why nothing can be measured.
    trouble: Option<String>,
    /// What fits through this host's devices, when peers were last looked for.
    mtu: Option<Option<u32>>,
    /// Room for what arrives.
    frame: Vec<u8>,
}

impl Course {
    fn new(identity: &Identity, env: &Env) -> Self {
        let first = u64::try_from(env.now().as_microsecond()).unwrap_or_default();
        let prober = Prober::new(identity.id(), first);
        Self {
            prober,
            acquaintances: Acquaintances::default(),
            socket: None,
            trouble: None,
            mtu: None,
            frame: vec![0; Frames::LARGEST],
        }
    }

    async fn open(&mut self) {
        let netns = named_path(&Netns::segment_name(Vni::PROBES));
        match Frames::open(&netns, IfName::vxlan().as_str(), ETHERTYPE).await {
            Ok(socket) => (self.socket, self.trouble) = (Some(socket), None),
            // The loop makes them, and says why if it cannot.
            Err(error) if Frames::is_not_there(&error) => {}
            Err(error) => self.fails(&error),
        }
    }

    fn fails(&mut self, error: &io::Error) {
        let why = format!("paths to other hosts are not measured: no socket for it ({error})");
        if self.trouble.as_ref() != Some(&why) {
            tracing::warn!("{why}");
        }
        self.trouble = Some(why);
    }
}

/// Sends and answers, for a while.
async fn measure(
    socket: &Frames,
    prober: &mut Prober,
    frame: &mut [u8],
    pings: &mut Pings,
) -> io::Result<()> {
    let end = tokio::time::Instant::now() + PERIOD;
    // Also where so much arrives that it is never their turn below.
    if let Some(ask) = pings.next_now() {
        ping(ask, socket, prober, pings);
    }
    loop {
        // A flood of frames is not to keep the thread from everything else.
        consume_budget().await;
        let now = Instant::now();
        // What is not taken by the kernel is lost like any other.
        prober.poll(now).iter().for_each(|frame| drop(socket.send(frame)));
        let due = prober.due().map_or(end, |due| end.min(due.into()));
        let received = tokio::select! {
            biased;
            received = socket.receive(frame) => received?,
            () = sleep_until(due) => {
                if due == end { return Ok(()) }
                continue;
            }
            ask = pings.next() => {
                ping(ask, socket, prober, pings);
                continue;
            }
        };
        let heard = prober.hear(frame.get(..received).unwrap_or_default(), Instant::now());
        match heard {
            Ok(answer) => answer.iter().for_each(|answer| drop(socket.send(answer))),
            Err(error) => tracing::trace!(%error, "a frame was not taken"),
        }
        prober.pongs().into_iter().for_each(|pong| pings.answered(pong));
        if tokio::time::Instant::now() >= end {
            return Ok(());
        }
    }
}

/// Sends what somebody asked for.
fn ping(ask: Ask, socket: &Frames, prober: &mut Prober, pings: &mut Pings) {
    let ping = prober.ping(&ask.to, ask.size, Instant::now()).map_err(Unsent::from);
    let sent = ping
        .and_then(|ping| socket.send(&ping.frame).map(|()| (ping.number, ping.size)).map_err(Unsent::Kernel));
    pings.tell(ask, sent);
}
