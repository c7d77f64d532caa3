//! What happened: found by comparing two moments of what this node knows, and kept in a file.

mod difference;
mod file;

pub use difference::{Moment, between};
pub use file::{EventFile, LONGEST, Reading, parse};
