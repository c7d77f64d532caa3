//! Netlink sockets with typed requests, and network namespaces.
//!
//! Sockets here block: the kernel answers a route request before `send` returns, so there is nothing to wait
//! for that a runtime could use the time of, and a thread that hops through namespaces cannot be one of the
//! runtime's anyway. Callers run them on a thread of their own, with a deadline.

mod address;
mod announce;
mod changes;
mod conntrack;
mod counted;
mod elsewhere;
mod entry;
mod error;
#[doc(hidden)]
pub mod fuzzed;
mod heap;
mod inherited;
mod link;
mod namespace;
mod neighbour;
mod nft;
mod notifications;
mod packet;
mod process;
mod route;
mod socket;
mod transport;
mod wireguard;

pub use address::{Address, add_address, delete_address};
pub use announce::announce;
pub use changes::Changes;
pub use conntrack::{Flow, Flows};
pub use elsewhere::Elsewhere;
pub use error::NetlinkError;
pub use heap::give_back_freed;
pub use inherited::inherited_sockets;
pub use link::{BridgePort, Link, LinkKind, LinkSetting, NewLink, Vxlan, delete_link, set_link};
pub use namespace::{
    NAMED, Named, Namespace, NamespaceError, create_named, delete_named, in_namespace, named, named_path,
    names,
};
pub use neighbour::{
    Forward, Neighbour, delete_local_fdb, delete_neighbour, delete_vxlan_forward, set_local_fdb,
    set_neighbour, set_own_local_fdb, set_vxlan_forward,
};
pub use nft::{Gate, NftTable, Redirect, Redirected, nft_table};
pub use notifications::{Notification, Notifications};
pub use packet::Frames;
pub use process::{enter, enter_network, unshare_mount_uts, unshare_network};
pub use route::{PROTOCOL, Route, add_route, delete_route};
pub use socket::{Request, Socket};
pub use transport::DEADLINE;
pub use wireguard::{WireGuard, WireGuardChange, WireGuardDevice, WireGuardPeer};
