//! How weft and an engine talk: [`plugin`] is what the engine asks of its network and address drivers,
//! [`engine`] is what weft asks of the engine.
//!
//! All that an engine says is parsed into the types of [`weft_model`] before it is used. Nothing here decides anything,
//! and nothing here knows the cluster.

pub mod engine;
pub mod plugin;

mod brief;
mod lenient;
