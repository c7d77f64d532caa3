//! How packets go from this host to the others, as measured.
//!
//! The hosts send each other frames through the very path that containers' packets take: a VXLAN device on a VNI of its own
//! ([`weft_model::Vni::PROBES`]). This crate has what is in them ([`Frame`]) and the course of the measurement ([`Prober`]):
//! time and frames go in, frames and [`Path`]s come out. It does no I/O, and asks no clock.
//!
//! Of two nodes the one with the lower id asks, every few seconds, and the other answers; one that is not asked as often as
//! it should asks itself. Each frame says what its sender has received, so that both know both directions.

mod frame;
#[doc(hidden)]
pub mod fuzzed;
mod path;
mod prober;
mod receipt;
mod size;
mod track;

pub use frame::{BadFrame, ETHERTYPE, Frame, Kind, LEAST, SMALL};
pub use path::{Path, Reach};
pub use prober::{MANY, NoPing, Peer, Ping, Pong, Prober};

#[cfg(test)]
mod tests;
