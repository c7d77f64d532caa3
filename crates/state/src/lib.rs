//! What a node knows: the cluster as its store shows it, what it remembers of that on its disk, and its own truth
//! beside it. Nothing here decides what to do.

pub mod admission;
pub mod changes;
pub mod cluster;
pub mod credentials;
pub mod data_dir;
pub mod env;
pub mod events;
pub mod fingerprint;
#[cfg(test)]
mod golden;
pub mod journal;
pub mod loss;
pub mod memory;
pub mod reflector;
pub mod tunnel;
pub mod view;
