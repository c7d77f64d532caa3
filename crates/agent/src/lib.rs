//! The agent: doors that parse and answer, a core that decides, one loop that makes it so.

pub mod core;
