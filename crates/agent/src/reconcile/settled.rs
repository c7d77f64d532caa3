//! How long the kernel is taken to be as the rounds left it, and what makes for another look.

use super::{Reconciler, rounds::Outcome};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use weft_model::{IfName, MacAddr};
use weft_plan::{Desired, Doubt, Entry, KernelNews, Observed, Step};

/// How often to look without a reason where the kernel does not tell of changes: one is repaired within this.
pub(super) const PERIOD: Duration = Duration::from_secs(2);
/// How often to look at all that links hold, too, where the kernel tells of changes.
const WATCHED_PERIOD: Duration = Duration::from_secs(30);
/// How often to look at the rest there: it does not tell of settings (`/proc/sys`) and names of namespaces.
const UNTOLD_PERIOD: Duration = Duration::from_secs(5);
/// How much longer to rest after a look than it took, before news make for another: at most a tenth of the time is spent.
const REST: u32 = 10;
/// How long to rest at least: much changes at once.
const SHORTEST_REST: Duration = Duration::from_millis(20);

/// What rounds made without a failure since the kernel was looked at. Until the period is over it is taken to be as
/// they left it: most of what happens in a cluster changes little here, and to look at thousands of entries takes a
/// while, in which containers wait for their start.
pub(super) struct Settled {
    pub(super) desired: Desired,
    pub(super) kernel: Observed,
    pub(super) seen_at: Instant,
    /// When it was last looked at without the many entries that links hold.
    pub(super) glanced_at: Instant,
    pub(super) outcome: Outcome,
}

/// The Ethernet addresses that this agent has put behind ports, and how often, until the kernel tells of it. It does not
/// tell behind which port: what others put behind a second one would look the same.
#[derive(Default)]
pub(super) struct OwnFdb(BTreeMap<MacAddr, usize>);

impl OwnFdb {
    /// Takes note of a step. The kernel does not tell of those on the bridge itself.
    pub(super) fn add(&mut self, step: &Step) {
        if let Step::Add(_, link, Entry::LocalFdb(mac)) = step
            && *link != IfName::bridge()
        {
            *self.0.entry(*mac).or_default() += 1;
        }
    }

    /// Whether these news are of this agent's own doing, which is told of once.
    fn is_told_of(&mut self, mac: MacAddr) -> bool {
        let Some(left) = self.0.get_mut(&mac) else { return false };
        *left -= 1;
        if *left == 0 {
            self.0.remove(&mac);
        }
        true
    }
}

/// The pause after a look at the kernel, in which no news makes for another: others may change much.
pub(super) struct Rest {
    since: Instant,
    pause: Duration,
}

impl Rest {
    /// The pause after a look that `began` then.
    pub(super) fn after(began: Instant) -> Self {
        Self { since: Instant::now(), pause: (began.elapsed() * REST).max(SHORTEST_REST) }
    }

    fn left(&self) -> Duration {
        self.pause.saturating_sub(self.since.elapsed())
    }
}

impl Reconciler {
    /// Whether the kernel can still be taken to be as it was left.
    pub(super) fn holds(&self, settled: &Settled) -> bool {
        settled.seen_at.elapsed() < self.period(WATCHED_PERIOD)
    }

    /// How often to look without a reason, not at the many entries that links hold.
    pub(super) fn glance_period(&self) -> Duration {
        self.period(UNTOLD_PERIOD)
    }

    /// As long as that where the kernel tells of changes.
    fn period(&self, watched: Duration) -> Duration {
        if self.parts.datapath.is_watched() { watched } else { PERIOD }
    }

    /// Takes note of what the kernel tells. Says whether that makes for a look which is not due anyway.
    pub(super) fn hear(&mut self, news: &[KernelNews]) -> bool {
        let Some(settled) = &self.settled else { return false };
        let own = &mut self.own_fdb;
        let doubt = |news: &KernelNews| match news {
            KernelNews::LocalFdb { mac, gone: false } if !own.is_told_of(*mac) => Doubt::Everything,
            news => settled.kernel.doubt(news),
        };
        let before = self.doubt;
        self.doubt = news.iter().map(doubt).fold(before, Doubt::max);
        self.doubt > before
    }

    /// Where to look again now: nowhere until the pause after the last look is over.
    pub(super) fn take_doubt(&mut self) -> Doubt {
        if self.left().is_zero() { std::mem::replace(&mut self.doubt, Doubt::None) } else { Doubt::None }
    }

    /// How long to rest.
    fn left(&self) -> Duration {
        self.rest.as_ref().map_or(Duration::ZERO, Rest::left)
    }

    /// How long until the kernel is to be looked at again.
    pub(super) fn until_due(&self) -> Duration {
        let since = self.settled.as_ref().map_or(Duration::ZERO, |settled| settled.glanced_at.elapsed());
        let period = self.glance_period().saturating_sub(since);
        if self.doubt == Doubt::None { period } else { period.min(self.left()) }
    }
}
