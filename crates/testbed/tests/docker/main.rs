//! weft in real, untouched Docker engines of two releases.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

mod churn;
mod cluster;
mod compose;
mod containers;
mod crowd;
mod engine_ends;
mod engines;
mod guide;
mod kills;
mod networks;
mod proxy;
mod refusals;
