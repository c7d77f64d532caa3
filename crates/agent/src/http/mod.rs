//! HTTP on unix sockets: what all doors share.

mod bind;
mod inherited;
mod serve;
mod socket;
mod turn_away;

pub use bind::BindError;
pub(crate) use bind::{Terms, clear, open};
pub use inherited::Inherited;
pub(crate) use serve::{Manners, each_connection, serve};
pub use socket::Socket;
pub(crate) use turn_away::turn_away;
