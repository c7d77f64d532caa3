//! Many containers, and many cycles of one. A test program of its own: other tests beside it would be slow, and the
//! kernel's neighbour table, which all namespaces of a machine share, is filled here.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

mod churn;
#[path = "../docker/cluster.rs"]
#[allow(dead_code, reason = "what other tests share, too")]
mod cluster;
mod crowd;
#[path = "../docker/leftovers.rs"]
#[allow(dead_code, reason = "what other tests share, too")]
mod leftovers;
