//! Every store passes one suite; what only one of them does has tests of its own.

// Helpers of tests, which clippy treats as ordinary code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod acl;
mod consul;
mod embedded;
mod etcd;
mod hostile;
mod members;
mod memory;
mod proxy;
mod serve;
mod servers;
mod storm;
mod suite;
mod tls;
