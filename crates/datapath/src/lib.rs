//! Looks at the kernel and carries plans out on it.
//!
//! [`Datapath`] is all that the agent knows of the kernel. [`Linux`] is the real one, [`Fake`] one in memory
//! that behaves like it and fails when told to.

mod error;
mod fake;
mod flows;
#[doc(hidden)]
pub mod fuzzed;
mod linux;
pub mod underlay;

pub use error::{DatapathError, Failure, Report};
pub use fake::{Fake, Faults};
pub use flows::StaleFlows;
pub use linux::{Linux, SAMPLE_RULES, mark};

use async_trait::async_trait;
use std::{collections::BTreeSet, net::IpAddr};
use weft_model::{MacAddr, Vni};
use weft_plan::{Desired, KernelNews, Netns, Observed, Plan};
use weft_trust::TunnelSecret;

/// An address of a segment that has another Ethernet address than it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The segment.
    pub vni: Vni,
    /// The address.
    pub ip: IpAddr,
    /// What it has now.
    pub mac: MacAddr,
}

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These namespaces.
    Namespaces(BTreeSet<Netns>),
    /// All namespaces, without the entries that links of segments hold by the thousands: see [`Observed::glance`].
    Links,
}

/// A kernel that can be observed and changed.
#[async_trait]
pub trait Datapath: Send + Sync + 'static {
    /// What is there: everything that is ours, wanted or not, and what stands in the way of `desired`.
    ///
    /// A namespace that cannot be read, or is another's, is in [`Observed::blocked`]; it does not keep the
    /// others from being seen.
    ///
    /// # Errors
    /// When the host's own namespace cannot be read in time.
    async fn observe(&self, desired: &Desired) -> Result<Observed, DatapathError>;

    /// The same for a part of it. What it shows besides may be nothing.
    ///
    /// # Errors
    /// As above.
    async fn observe_part(&self, desired: &Desired, _part: &Part) -> Result<Observed, DatapathError> {
        self.observe(desired).await
    }

    /// Whether [`news`](Self::news) tells of what others do to the kernel.
    fn is_watched(&self) -> bool {
        false
    }

    /// Waits until something has changed in the kernel since it was first looked at, by us or by others. Safe to cancel:
    /// what was not told yet is told the next time.
    async fn news(&self) -> Vec<KernelNews> {
        std::future::pending().await
    }

    /// Takes the steps of `plan` in their order. A step that fails does not stop those that do not need it.
    async fn apply(&self, plan: &Plan) -> Report;

    /// Has the tunnels use this secret from now on, where a plan names its public half.
    fn encrypt_with(&self, _secret: TunnelSecret) {}

    /// Tells those on a segment of addresses that have another Ethernet address than they had.
    async fn announce(&self, _moved: Vec<Moved>) {}

    /// Has the kernel decide anew where packets to published UDP ports go that come in flows from before. Says how many
    /// there were; none where the kernel does not tell of flows.
    ///
    /// # Errors
    /// If the flows cannot be read or deleted. Clients that go on sending then still reach the earlier target.
    async fn forget_flows(&self, _stale: StaleFlows) -> Result<usize, DatapathError> {
        Ok(0)
    }
}
