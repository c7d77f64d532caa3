//! Names of containers across hosts.
//!
//! Every container asks a server of its own, on 127.0.0.11 inside its network namespace:
//! [`Resolver::serve`]. What its networks know is answered at once from [`Names`], an immutable snapshot that
//! is swapped in whole: a lookup takes no lock and does no I/O. The rest is passed on to the host's name
//! servers or, where a container engine has a resolver in the container already, to that one; where there are none,
//! it does not exist.
//!
//! Queries are read and answers written by hand, in place: it takes two small files and allocates nothing. In
//! the tests and in `fuzz/`, hickory-proto has to be able to read every answer.

mod answer;
mod ask;
mod counts;
mod engine;
mod forward;
mod links;
mod names;
mod query;
mod resolve;
mod reverse;
mod server;
pub mod upstream;
mod wire;

pub use ask::ask;
pub use counts::QuestionCounts;
pub use engine::{EngineResolver, Sockets};
pub use links::Links;
pub use names::{NamedEndpoint, Names, NetworkNames};
pub use query::ForeignQuestion;
pub use resolve::{DnsClient, QueryOutcome, Transport, Upstream, addresses, respond};
pub use server::{Resolver, ServerHandle};
