//! What goes through interfaces.

use serde::{Deserialize, Serialize};

/// What has gone through an endpoint since its interface was made, as its container sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// What the container got.
    pub received: Amount,
    /// What it sent.
    pub sent: Amount,
}

/// How much that was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Bytes of Ethernet frames.
    pub bytes: u64,
    /// Packets; what the kernel sends in one piece counts as one.
    pub packets: u64,
    /// Packets that were dropped at the interface.
    pub dropped: u64,
}

impl Traffic {
    /// What has been added since it was `before`: all of it, where the interface was made anew.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let is_anew =
            self.received.packets < before.received.packets || self.sent.packets < before.sent.packets;
        let before = if is_anew { Self::default() } else { before };
        Self { received: self.received.since(before.received), sent: self.sent.since(before.sent) }
    }
}

impl Amount {
    fn since(self, before: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(before.bytes),
            packets: self.packets.saturating_sub(before.packets),
            dropped: self.dropped.saturating_sub(before.dropped),
        }
    }
}
