//! The name server from the outside: its answers, its sockets, and what `dig` makes of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

mod answers;
mod common;
mod counting;
mod dig;
mod engine;
mod forwarding;
mod sockets;
