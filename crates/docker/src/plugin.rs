//! Docker's remote driver protocols: the engine posts JSON to `/<method>` on the plugin's socket.
//!
//! Read off `libnetwork/drivers/remote`, `libnetwork/ipams/remote` and `pkg/plugins` of moby 20.10.24 and
//! 28.5.2, and off recordings of both (`tests/golden`).

mod call;
mod endpoint;
mod ipam;
mod network;
mod refusal;
mod reply;

pub use call::{InvalidCall, IpamCall, NetworkCall, PluginCall};
pub use endpoint::{CreateEndpoint, EndpointRef, Interface, Join};
pub use ipam::{InvalidPoolId, PoolId, ReleaseAddress, ReleasePool, RequestAddress, RequestPool};
pub use network::{CreateNetwork, Discovery, NetworkRef, PoolData, SwarmNetwork};
pub use refusal::{PluginProtocol, PluginRefusal};
pub use reply::{InterfaceName, Joined, PluginReply, RouteKind, StaticRoute};

/// The name of weft's drivers, and of the address space all its pools are in.
pub const DRIVER: &str = "weft";
