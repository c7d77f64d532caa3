//! The HTTP door, with a cluster that is a list in memory behind it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod docker;
mod hostile;
mod http;
mod logs;
mod socket;
mod stock_docker;
mod weft;
