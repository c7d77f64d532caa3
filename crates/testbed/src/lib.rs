//! Hosts, stores and agents for tests and the benchmark, on one machine, in namespaces of their own.
//!
//! ```no_run
//! use weft_testbed::World;
//!
//! let Some(world) = World::up(2) else { return };
//! let [one, two] = [world.host(1), world.host(2)];
//! let consul = one.consul();
//! let store = format!("--cluster-store={}", consul.url());
//! let _agents = [one, two].map(|host| host.agent(&[&store, "--cluster-advertise=eth0"]));
//! one.run(&["weft", "network", "create", "overlay"]);
//! assert!(two.run(&["weft", "network", "ls", "-q"]).lines().count() == 1);
//! ```
//!
//! A [`World`] ends with the test, however that ends: `scripts/lab`, which makes the hosts, lives in a process
//! namespace whose first process goes when the test's end of a pipe closes. Nothing here returns an error: in a
//! test the place and the message of a panic are what one wants, with the logs of what ran in the world.
#![allow(clippy::panic, clippy::expect_used, reason = "for tests: a panic is how they fail")]

mod agent;
mod container;
mod copy;
mod counts;
mod cut;
mod engine;
mod history;
mod host;
mod http;
mod need;
mod pings;
mod podman;
mod power;
mod service;
mod store;
mod stream;
mod wait;
mod world;

pub use agent::Agent;
pub use container::Container;
pub use counts::ResourceCounts;
pub use cut::Way;
pub use engine::{Engine, Release};
pub use history::{Claimed, History, Ticket, Verdict};
pub use host::Host;
pub use http::{Answer, request};
pub use need::{checkout, last_release, need, node_modules, tool};
pub use pings::{Counted, Pings};
pub use podman::Podman;
pub use service::Service;
pub use store::StoreServer;
pub use stream::{Carried, Stream};
pub use wait::{eventually, eventually_every, until, within};
pub use world::World;
