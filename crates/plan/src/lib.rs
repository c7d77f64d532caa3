//! What the data plane of this node should be, what it is, and the steps from one to the other.
//!
//! Pure: the same input gives the same plan, which can be printed, tested and compared. Carrying it out is
//! `weft-datapath`'s business.

mod desired;

pub use desired::{Attachment, Desired, Protocol, Publish, Remote, Segment};
