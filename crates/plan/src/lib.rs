//! What the data plane of this node should be, what it is, and the steps from one to the other.
//!
//! Pure: the same input gives the same plan, which can be printed, tested and compared. Carrying it out is
//! `weft-datapath`'s business.
//!
//! [`Target::of`] spells [`Desired`] out as kernel objects, [`Observed`] holds the objects that are there,
//! and [`plan`] is the difference of the two as a list of [`Step`]s.

mod desired;
mod diff;
mod differences;
mod foreign;
mod kernel;
mod netns;
mod news;
mod nft;
mod observed;
mod probe;
mod remotes;
mod step;
mod target;
mod tunnel;

pub use desired::{Attachment, Desired, Outer, Publish, Segment};
pub use diff::plan;
pub use differences::{Differences, differences};
pub use kernel::Refusal;
pub use netns::{Netns, OwnNetns};
pub use news::{Doubt, KernelNews};
pub use nft::{Ruleset, RulesetMark};
pub use observed::{Far, Kind, Link, Namespace, Observed, Port, Route};
pub use probe::Probe;
pub use remotes::{Fdb, Neighbours, Remote, Remotes, gathered};
pub use step::{Change, Entry, Peer, Plan, Problem, Step};
pub use target::{BRIDGE_NETFILTER, HandedOver, Pair, Target};
pub use tunnel::{Carrier, Tunnel, TunnelPeer, TunnelSettings};

/// What every alias of ours starts with: it tells a device of ours from another's of the same name.
pub const ALIAS_PREFIX: &str = "weft ";
