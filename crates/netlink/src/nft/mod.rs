//! nftables without `nft`, which takes ten milliseconds for what the kernel does in one.

mod message;
mod redirect;
mod table;

pub use redirect::{Redirect, Redirected};
pub(crate) use table::comment;
pub use table::{NftTable, nft_table};
