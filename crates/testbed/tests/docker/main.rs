//! weft in real, untouched Docker engines of two releases.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

mod away;
mod cluster;
mod compose;
mod containers;
mod engine_ends;
mod engines;
mod guide;
mod leave;
#[allow(dead_code, reason = "what other tests share, too")]
mod leftovers;
mod mtu;
mod names;
mod networks;
mod nightly;
mod pools;
mod proxy;
mod races;
mod refusals;
