//! The measurement of all paths of a node.

use crate::{
    BadFrame, Frame, Path,
    frame::{Brief, Ends, LEAST, brief, sender},
    track::{Pace, Track},
};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::{Duration, Instant},
};
use weft_model::{NodeId, TunnelKey};
use weft_trust::PairKey;

/// How often a path is measured.
const INTERVAL: Duration = Duration::from_secs(3);
/// How many paths are measured that often, whether they matter or not.
pub const MANY: usize = 100;
/// How often each of the others is, where there are more. With the patience of both ends this is seen within a minute.
const LONG_INTERVAL: Duration = Duration::from_secs(36);
/// How often what passes is looked at: this, times the number of paths, twice. Large packets are the rarer, the more small
/// ones there are: with 10 paths that is every four seconds, and all of it less than 10 kB/s with any number up to 100.
const SIZE_SHARE: Duration = Duration::from_millis(40);
const SIZES: std::ops::RangeInclusive<Duration> = Duration::from_secs(3)..=Duration::from_secs(300);

/// Another node.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its id.
    pub id: NodeId,
    /// The public half of its key.
    pub public: TunnelKey,
    /// What this node and that have in common.
    pub key: PairKey,
    /// Where it receives VXLAN packets: a path to another place is another path.
    pub place: SocketAddr,
    /// The largest packet that containers send it, in bytes.
    pub full: u16,
    /// Whether the nodes share a network. It matters where there are more than [`MANY`].
    pub close: bool,
}

/// Measures the paths from a node to others.
#[derive(Debug)]
pub struct Prober {
    own: NodeId,
    /// The number of the first frame: higher than of all those that an earlier run sent.
    first: u64,
    tracks: BTreeMap<NodeId, Track>,
    briefs: HashMap<Brief, NodeId>,
    pongs: Vec<Pong>,
}

/// A frame that asks for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Its number.
    pub number: u64,
    /// The packet in it, in bytes.
    pub size: u16,
    /// As it is on the wire.
    pub frame: Vec<u8>,
}

/// Why there is no such frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPing {
    /// Paths are measured to those that are up, and answer.
    #[error("paths are not measured to it: it is of a version that does not answer, or has no key yet")]
    NoPath,
    /// In bytes.
    #[error("packets of {least} to {most} bytes are sent there, as large as containers' may be")]
    Size {
        /// The smallest.
        least: u16,
        /// The largest.
        most: u16,
    },
}

/// The answer to a [`Ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// From whom.
    pub from: NodeId,
    /// The number of what it answers.
    pub number: u64,
    /// How long there and back took.
    pub took: Duration,
}

impl Prober {
    /// Measures nothing yet. Frames get numbers from `first` on, which must be higher than those of earlier runs:
    /// microseconds since 1970 are.
    pub fn new(own: NodeId, first: u64) -> Self {
        Self { own, first, tracks: BTreeMap::new(), briefs: HashMap::new(), pongs: Vec::new() }
    }

    /// The node that it measures from.
    pub fn own(&self) -> &NodeId {
        &self.own
    }

    /// Measures the paths to these nodes from now on, and goes on where it does already.
    pub fn follow(&mut self, peers: Vec<Peer>, now: Instant) {
        let mut before = std::mem::take(&mut self.tracks);
        for peer in peers.into_iter().filter(|peer| peer.id != self.own) {
            let asks = self.own < peer.id;
            let id = peer.id;
            let track = match before.remove(&id) {
                Some(mut track) if track.is_of(&peer) => {
                    track.go_on(peer, now);
                    track
                }
                Some(track) => Track::new(peer, asks, now, track.number()),
                None => Track::new(peer, asks, now, self.first),
            };
            // A node that goes and comes back goes on with higher numbers.
            self.first = self.first.max(track.number());
            self.tracks.insert(id, track);
        }
        let gone = before.values().map(Track::number).max().unwrap_or(0);
        self.first = self.first.max(gone);
        self.briefs = self.tracks.keys().map(|id| (brief(id), *id)).collect();
    }

    /// Whether there is nobody to measure to.
    pub fn is_idle(&self) -> bool {
        self.tracks.is_empty()
    }

    /// When there is something to do, if nothing arrives before; none while there are no paths.
    pub fn due(&self) -> Option<Instant> {
        self.tracks.values().map(Track::due).min()
    }

    /// The frames to send now, as they are on the wire.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let (own, count) = (self.own, self.tracks.len());
        let mut frames = Vec::new();
        for track in self.tracks.values_mut().filter(|track| track.due() <= now) {
            let pace = pace(count, track.peer.close);
            frames.extend(track.poll(now, pace).iter().map(|frame| written(&own, track, frame)));
        }
        frames
    }

    /// The frames by which the others know that nothing more comes from here until another agent runs: it is not the path.
    pub fn bye(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let (own, count) = (self.own, self.tracks.len());
        let of_track = |track: &mut Track| {
            let pace = pace(count, track.peer.close);
            let frame = track.bye(now, pace);
            written(&own, track, &frame)
        };
        self.tracks.values_mut().map(of_track).collect()
    }

    /// A frame to send now that asks a node for an answer, with a packet of `size` bytes in it, or as few as there can be: the
    /// answer will be among the [`pongs`](Self::pongs).
    ///
    /// # Errors
    /// If there is no path to the node, or containers' packets on it are not as large.
    pub fn ping(&mut self, to: &NodeId, size: Option<u16>, now: Instant) -> Result<Ping, NoPing> {
        let count = self.tracks.len();
        let track = self.tracks.get_mut(to).ok_or(NoPing::NoPath)?;
        let (size, full) = (size.unwrap_or(LEAST), track.path().full);
        if !(LEAST..=full).contains(&size) {
            return Err(NoPing::Size { least: LEAST, most: full });
        }
        let frame = track.ping(size, now, pace(count, track.peer.close));
        Ok(Ping { number: frame.number, size, frame: written(&self.own, track, &frame) })
    }

    /// The answers to pings since this was last asked.
    pub fn pongs(&mut self) -> Vec<Pong> {
        std::mem::take(&mut self.pongs)
    }

    /// Takes what arrived. Says what to answer.
    ///
    /// # Errors
    /// If it is none of the frames that the other nodes send.
    pub fn hear(&mut self, frame: &[u8], now: Instant) -> Result<Option<Vec<u8>>, BadFrame> {
        let (from, _) = sender(frame)?;
        let id = self.briefs.get(&from).ok_or(BadFrame::Other)?;
        let count = self.tracks.len();
        let track = self.tracks.get_mut(id).ok_or(BadFrame::Other)?;
        let ends = Ends { own: &self.own, other: &track.peer.id, key: &track.peer.key };
        let frame = Frame::read(frame, &ends)?;
        let pace = pace(count, track.peer.close);
        let pong = track.pong(&frame, now).map(|(number, took)| Pong { from: *id, number, took });
        self.pongs.extend(pong);
        let answer = track.hear(&frame, now, pace);
        Ok(answer.map(|answer| written(&self.own, track, &answer)))
    }

    /// The paths as they are known now.
    pub fn paths(&self) -> BTreeMap<NodeId, Path> {
        self.tracks.iter().map(|(id, track)| (*id, track.path())).collect()
    }
}

fn written(own: &NodeId, track: &Track, frame: &Frame) -> Vec<u8> {
    frame.write(&Ends { own, other: &track.peer.id, key: &track.peer.key })
}

fn pace(count: usize, close: bool) -> Pace {
    let interval = if close || count <= MANY { INTERVAL } else { LONG_INTERVAL };
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(1000);
    let share = SIZE_SHARE * count * count;
    Pace { interval, sizes: share.clamp(*SIZES.start(), *SIZES.end()) }
}
