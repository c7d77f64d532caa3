//! Docker's network API in front of the verbs: what its requests ask for, how our networks look in its words, and with
//! which status a verb's error is answered. The API server speaks it to its clients, the proxy to the engine's.

pub mod connect;
pub mod create;
mod error_answer;
mod query;
pub mod select;
pub mod view;

pub use error_answer::ErrorAnswer;
pub use query::{Filtered, Scoped};

/// The largest body that is read, in bytes. The largest meaningful one, a network with hundreds of labels,
/// has a tenth of it.
pub const MAX_BODY: usize = 1 << 20;
