//! The arguments of `weft run` as people write them.

mod env;
mod mount;

pub use env::{EnvArg, InvalidEnv};
pub use mount::{InvalidMount, MountArg};

/// As much of what somebody typed as a message can bear.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
