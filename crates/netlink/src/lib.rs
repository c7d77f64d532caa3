//! Netlink sockets with typed requests, and network namespaces.

mod error;

pub use error::NetlinkError;
