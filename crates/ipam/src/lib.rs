//! Which pool, which VNI, which address.
//!
//! Pure decisions on what the caller knows of the cluster. They may be made on a view that is stale: the
//! caller claims the result by compare-and-set, and asks again with what it learnt if another node was
//! faster.

mod address;
mod pool;
mod room;
mod vni;

pub use address::{TakenAddresses, next_address, random_place};
pub use pool::{AddressPool, InvalidAddressPool, NoFreePool, free_pool, random_ula};
pub use room::{Room, room};
pub use vni::{NoFreeVni, free_vni};
