//! HTTP between programs of one machine, to the served store, and to agents of other hosts: where to listen, how many
//! connections at a time, how long each may be silent, and a client. What is said on a connection is up to the caller.

mod attention;
mod bind;
mod client;
mod crowd;
mod for_programs;
mod holder;
mod inherited;
mod kept;
mod listener;
pub mod open_files;
mod queue;
mod serve;
mod socket;
mod tcp;
mod turn_away;

pub use attention::{attend, attentive};
pub use bind::{BindError, Terms, clear, open};
pub use client::{Client, ClientError, TlsServer, connect};
pub use crowd::{Crowd, Slot};
pub use for_programs::{for_programs, for_this_hosts_pages};
pub use holder::{Holder, Protocol, holder};
pub use inherited::Inherited;
pub use kept::Kept;
pub use listener::Listener;
pub use serve::{Limits, converse, each_connection, serve};
pub use socket::{Removal, ServerSocket};
pub use tcp::set_up;
pub use turn_away::turn_away;
