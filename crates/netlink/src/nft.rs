//! nftables without `nft`, which takes ten milliseconds for what the kernel does in one.

mod expression;
mod gate;
mod message;
mod redirect;
mod table;

pub use gate::Gate;
pub(crate) use message::{Attributes, message};
pub use redirect::{Redirect, Redirected};
pub use table::{NftTable, nft_table};
pub(crate) use table::{answers, comment};
