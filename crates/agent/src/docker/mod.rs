//! Docker: the agent as the network and address driver of the engine on this host.
//!
//! The engine asks on a plugin socket ([`door`]), and never waits for itself: nothing here asks the engine while
//! the engine waits for an answer of ours. What its questions do not say, the names of networks and of
//! containers, a task of its own ([`follow`]) learns from the engine's API.

mod shared;

pub(crate) use shared::{Container, Mapped, Shared};
