//! weft as its users have it: agents on several hosts, a real store, real devices, the command line.

#![allow(clippy::expect_used, clippy::panic, reason = "also in what the tests share")]

mod addresses;
mod another_store;
mod authority;
mod balancer;
mod cluster;
mod commands;
mod crashes;
mod data_plane;
mod disks;
mod embedded;
mod encrypted;
mod exhausted;
mod findings;
mod firewall;
mod guard;
mod hardening;
mod joining;
mod leave;
mod let_in;
mod lost_directory;
mod macs;
mod mtu;
mod names;
mod networks;
mod nowhere;
mod observing;
mod partition;
mod processes;
mod publishing;
mod refusals;
mod remote;
mod removed;
mod routed;
mod signed;
mod stores;
mod subnets;
mod survival;
mod tokens;
mod truth;
mod upgrade;
mod wire;
