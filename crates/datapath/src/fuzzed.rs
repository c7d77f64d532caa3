//! What the targets in `fuzz/` need of what is private otherwise.

use crate::linux;
use weft_netlink::fuzzed::Heard;
use weft_plan::{Namespace, Netns};

/// How the namespace `netns`, in which there should be `want`, is read from what the kernel says of it.
pub fn interpret(netns: &Netns, want: &Namespace, heard: Heard) -> Namespace {
    linux::interpret(netns, want, heard)
}
