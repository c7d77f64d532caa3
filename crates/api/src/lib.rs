//! What the agent says on its socket. Types only: no I/O, no decisions.
//!
//! [`docker`] is the part of the Docker Engine API that weft serves, with the engine's own field names, so
//! that the stock docker command line works on the agent's socket. [`v1`] is weft's own, under `/weft/v1`.

pub mod docker;
pub mod v1;
