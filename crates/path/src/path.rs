//! What is known of the path to a node.

use std::time::Duration;

/// How packets go to a node and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// In which directions.
    pub reach: Reach,
    /// How long there and back take: the shortest of the last times; absent before it was measured.
    pub round_trip: Option<Duration>,
    /// Of the last 32 frames, those that were lost, in the direction that lost more: of a thousand.
    pub lost: u16,
    /// The largest packet of a container that gets there, in bytes; absent before it was measured.
    pub sends: Option<u16>,
    /// The largest that comes from there, as the other end says.
    pub receives: Option<u16>,
    /// The largest that should pass, in bytes: containers send them.
    pub full: u16,
}

/// In which directions packets pass, as far as this end can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nobody knows yet.
    Unknown,
    /// Both.
    Both,
    /// What the other sends arrives here, and says that nothing from here arrives there.
    OnlyFromThere,
    /// Nothing arrives from there. Whether what is sent from here arrives, the other end alone knows.
    Nothing,
}

impl Path {
    /// The largest packet that passes both ways, in bytes; absent before it was measured.
    pub fn passes(&self) -> Option<u16> {
        match (self.sends, self.receives) {
            (Some(sends), Some(receives)) => Some(sends.min(receives)),
            // The other direction can only be as narrow, or narrower.
            (one, other) => one.or(other).filter(|passes| *passes < self.full),
        }
    }

    /// Whether small packets pass both ways and large ones do not.
    pub fn is_narrow(&self) -> bool {
        self.reach == Reach::Both && self.passes().is_some_and(|passes| passes < self.full)
    }
}
