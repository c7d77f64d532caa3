//! HTTP on unix sockets: what all doors share.

mod bind;
mod serve;

pub use bind::BindError;
pub(crate) use bind::{Terms, bind};
pub(crate) use serve::{Manners, each_connection, serve};
