//! The real kernel.

mod announce;
mod apply;
mod carriers;
mod flows;
mod kernel;
mod links;
mod netfilter;
mod observe;
mod sysctl;
mod tunnel;
mod watch;

pub use netfilter::SAMPLE_RULES;
pub(crate) use observe::interpret;

use crate::{Datapath, DatapathError, Failure, Moved, Part, Report, StaleFlows};
use async_trait::async_trait;
use std::{
    io,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Mutex, OwnedMutexGuard};
use weft_model::chain;
use weft_netlink::NetlinkError;
use weft_plan::{Desired, KernelNews, Observed, Plan, Step};
use weft_trust::TunnelSecret;

/// How long one look at the kernel may take. Each request has a deadline of its own besides.
const OBSERVE_DEADLINE: Duration = Duration::from_secs(5);
/// How long announcements may take together.
const ANNOUNCE_DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take to look through the flows that the kernel follows, of which there may be hundreds of thousands.
const FORGET_DEADLINE: Duration = Duration::from_secs(5);
/// How long the steps of one plan may take together.
const APPLY_DEADLINE: Duration = Duration::from_secs(30);

/// The kernel this process runs on, seen from the network namespace it runs in.
#[derive(Debug, Default)]
pub struct Linux {
    /// Held by the thread at work, also when nobody waits for it any more: rounds do not overlap.
    busy: Arc<Mutex<()>>,
    /// Whether it was said that flows cannot be looked at.
    said_no_flows: AtomicBool,
    watch: watch::Watch,
    /// What the tunnels are encrypted with.
    secret: StdMutex<Option<TunnelSecret>>,
}

impl Linux {
    /// The kernel.
    pub fn new() -> Self {
        Self::default()
    }

    /// The kernel, which tells of changes from now on, if it can, and gets ready for rules.
    pub fn listening() -> Self {
        netfilter::load_modules();
        Self { watch: watch::Watch::begin(), ..Self::default() }
    }

    /// Runs `work` on a thread of its own, which may go from namespace to namespace and is thrown away.
    async fn on_thread<T, F>(&self, deadline: Duration, work: F) -> Result<T, DatapathError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let run = async {
            let busy: OwnedMutexGuard<()> = Arc::clone(&self.busy).lock_owned().await;
            let (tell, hear) = tokio::sync::oneshot::channel();
            std::thread::Builder::new()
                .name("datapath".to_owned())
                .spawn(move || {
                    let result = work();
                    drop(busy);
                    // Nobody listens after the deadline.
                    let _ = tell.send(result);
                })
                .map_err(DatapathError::Thread)?;
            hear.await.map_err(|_| DatapathError::Thread(io::Error::other("the thread panicked")))
        };
        tokio::time::timeout(deadline, run).await.map_err(|_| DatapathError::Timeout(deadline))?
    }

    async fn carry_out(&self, steps: &[Step]) -> Report {
        match steps {
            [Step::SetRuleset(ruleset)] => Report::of(&steps[0], netfilter::run(ruleset.script()).await),
            [Step::DeleteRuleset] => Report::of(&steps[0], netfilter::run(netfilter::DELETE).await),
            _ => {
                let work = steps.to_vec();
                let all = work.clone();
                let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match self.on_thread(APPLY_DEADLINE, move || apply::apply(&work, secret)).await {
                    Ok(report) => report,
                    Err(error) => Report::lost(&all, &error),
                }
            }
        }
    }
}

#[async_trait]
impl Datapath for Linux {
    async fn observe(&self, desired: &Desired) -> Result<Observed, DatapathError> {
        let target = weft_plan::Target::of(desired);
        let told_of = self.watch.is_on();
        self.on_thread(OBSERVE_DEADLINE, move || observe::observe(&target, None, told_of)).await?
    }

    async fn observe_part(&self, desired: &Desired, part: &Part) -> Result<Observed, DatapathError> {
        let (target, part) = (weft_plan::Target::of(desired), part.clone());
        let told_of = self.watch.is_on();
        self.on_thread(OBSERVE_DEADLINE, move || observe::observe(&target, Some(&part), told_of)).await?
    }

    fn is_watched(&self) -> bool {
        self.watch.is_on()
    }

    async fn news(&self) -> Vec<KernelNews> {
        self.watch.news().await
    }

    async fn apply(&self, plan: &Plan) -> Report {
        let mut report = Report::default();
        // `nft` is a program that is waited for; the rest happens on a thread.
        let is_ruleset = |step: &Step| matches!(step, Step::SetRuleset(_) | Step::DeleteRuleset);
        for steps in plan.steps.chunk_by(|a, b| !is_ruleset(a) && !is_ruleset(b)) {
            report.append(self.carry_out(steps).await);
        }
        report
    }

    fn encrypt_with(&self, secret: TunnelSecret) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    async fn announce(&self, moved: Vec<Moved>) {
        let announced = self.on_thread(ANNOUNCE_DEADLINE, move || announce::announce(&moved)).await;
        if let Err(error) = announced {
            tracing::warn!(error = chain(&error), "cannot announce addresses that moved");
        }
    }

    async fn forget_flows(&self, stale: StaleFlows) -> Result<usize, DatapathError> {
        match self.on_thread(FORGET_DEADLINE, move || flows::forget(&stale, FORGET_DEADLINE)).await? {
            Err(error) if error.is_unsupported() => {
                if !self.said_no_flows.swap(true, Ordering::Relaxed) {
                    tracing::debug!(
                        error = chain(&error),
                        "this kernel does not tell of flows (nf_conntrack_netlink): who goes on sending to a UDP port \
                         that was published later, or leads elsewhere now, is led where it led before"
                    );
                }
                Ok(0)
            }
            result => result.map_err(|source| {
                let what = "the flows that packets to published UDP ports belong to (conntrack)".to_owned();
                DatapathError::Kernel { what, source }
            }),
        }
    }
}

impl Report {
    fn of(step: &Step, result: Result<(), String>) -> Self {
        let mut report = Self::default();
        report.record(step, result);
        report
    }

    fn record(&mut self, step: &Step, result: Result<(), String>) {
        match result {
            Ok(()) => self.done += 1,
            Err(error) => self.failures.push(Failure { step: step.clone(), error }),
        }
    }

    /// Nobody knows what came of these steps.
    fn lost(steps: &[Step], error: &DatapathError) -> Self {
        let mut report = Self::default();
        if let Some((first, rest)) = steps.split_first() {
            report.record(first, Err(chain(error)));
            report.skipped = rest.len();
        }
        report
    }

    fn append(&mut self, other: Report) {
        self.done += other.done;
        self.failures.extend(other.failures);
        self.skipped += other.skipped;
    }
}

fn unreadable(what: impl std::fmt::Display) -> impl FnOnce(NetlinkError) -> DatapathError {
    move |source| DatapathError::Kernel { what: what.to_string(), source }
}

/// The alias of the loopback device in every namespace that this agent makes. It contains the host's namespace, so that
/// agents in several network namespaces of one machine do not take each other's namespaces for their own.
///
/// # Errors
/// When the kernel does not say which one `host` is.
pub fn mark(host: &weft_netlink::Namespace) -> Result<String, weft_netlink::NamespaceError> {
    Ok(format!("{}host net:[{}]", weft_plan::ALIAS_PREFIX, host.inode()?))
}
