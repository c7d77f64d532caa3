//! weft as its users have it: agents on several hosts, a real store, real devices, the command line.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

mod cluster;
mod data_plane;
mod embedded;
mod networks;
mod partition;
mod refusals;
mod survival;
mod upgrade;
