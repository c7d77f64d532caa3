//! Engines, agents and stores that are killed, stopped and started again while containers come and go: nothing is
//! left behind, nothing is in the way, and what runs runs on.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

#[path = "../docker/cluster.rs"]
#[allow(dead_code, reason = "what other tests share, too")]
mod cluster;
mod half_done;
#[path = "../docker/leftovers.rs"]
#[allow(dead_code, reason = "what other tests share, too")]
mod leftovers;
mod operations;
mod rounds;
mod store;
mod traffic;
mod views;

use std::time::Duration;

/// How long everything may take to recover after the last crash. A pool whose network was never created is held for a
/// minute, since its engine may be about to create it.
const COMES_RIGHT: Duration = Duration::from_secs(90);
