//! What the hosts send each other to measure a path: Ethernet frames with one layout.

use weft_model::{MacAddr, NodeId};
use weft_trust::{PAIR_MARK, PairKey};

/// The type of Ethernet frames that are nobody's: for experiments, and here for frames that leave no VXLAN device of weft's
/// (IEEE 802, Local Experimental Ethertype 1).
pub const ETHERTYPE: u16 = 0x88b5;
/// The layout below. A frame of another is not for this version.
const VERSION: u8 = 1;
/// How long the Ethernet header is, in bytes.
pub(crate) const ETHERNET: usize = 14;
/// How long what is said is, in bytes; the mark follows.
pub(crate) const SAID: usize = 60;
/// The packet in a frame that is no longer than it must be, in bytes, as an MTU counts.
pub const LEAST: u16 = 76;
/// Such a frame, in bytes.
pub const SMALL: usize = ETHERNET + LEAST as usize;
const _: () = assert!(SAID + PAIR_MARK == LEAST as usize);

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Asks for an answer.
    Probe,
    /// Answers the probe `about`.
    Answer,
    /// Asks for an answer, too, and is as long as it is to see whether that much passes. Its number is its own.
    Size,
    /// Answers the frame `about` of that kind, and is short.
    SizeAnswer,
    /// The sender's agent stops, and answers nothing until there is another.
    Bye,
}

/// Each at the place that its number says.
const KINDS: [Kind; 5] = [Kind::Probe, Kind::Answer, Kind::Size, Kind::SizeAnswer, Kind::Bye];

/// What one end says to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What for.
    pub kind: Kind,
    /// How many of `window` say something.
    pub span: u8,
    /// How long until the sender sends something by itself again, in tenths of a second.
    pub interval: u16,
    /// The number of the frame: each has a higher one than that before.
    pub number: u64,
    /// The highest number that the sender has received from the other; zero: none.
    pub seen: u64,
    /// Which of the numbers up to `seen` it has received: that one is the lowest bit.
    pub window: u32,
    /// The largest packet, in bytes, that the sender has found to get to the other; zero: it does not know.
    pub passes: u16,
    /// The largest, in bytes, that the sender tries: more than that it would not find; zero: it does not say.
    pub full: u16,
    /// The number of what is answered.
    pub about: u64,
    /// How long there and back take, in microseconds, as the sender knows; zero: it does not.
    pub round_trip: u32,
    /// The packet in the frame, in bytes, as an MTU counts.
    pub size: u16,
}

/// Why something is not such a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Too short, or of other programs.
    #[error("not a frame that measures a path")]
    Other,
    /// Of a version that has another layout.
    #[error("a frame of version {0}, which this one does not know")]
    Version(u8),
    /// To somebody else.
    #[error("a frame to another node")]
    NotForUs,
    /// From somebody who does not have the pair's key.
    #[error("a frame with a mark that its sender did not make")]
    Forged,
}

/// Who two ends are, and what they have in common.
pub(crate) struct Ends<'e> {
    pub(crate) own: &'e NodeId,
    pub(crate) other: &'e NodeId,
    pub(crate) key: &'e PairKey,
}

/// The first bytes of a node's id: enough to tell whose frame it is. The pair's key is of the whole ids.
pub(crate) type Brief = [u8; 8];

pub(crate) fn brief(node: &NodeId) -> Brief {
    at(node.bytes(), 0)
}

/// `N` bytes from `from` on. What is called with is longer.
fn at<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut found = [0; N];
    if let Some(there) = bytes.get(from..from + N) {
        found.copy_from_slice(there);
    }
    found
}

/// Who says that he sent a frame, to whom.
pub(crate) fn sender(frame: &[u8]) -> Result<(Brief, Brief), BadFrame> {
    if frame.len() < SMALL || frame[12..14] != ETHERTYPE.to_be_bytes() {
        return Err(BadFrame::Other);
    }
    let body = &frame[ETHERNET..];
    if body[0] != VERSION {
        return Err(BadFrame::Version(body[0]));
    }
    Ok((at(body, 4), at(body, 12)))
}

impl Frame {
    /// The frame as it goes from one end to the other.
    pub(crate) fn write(&self, ends: &Ends<'_>) -> Vec<u8> {
        let [to, from] = [ends.other, ends.own].map(|node| MacAddr::for_node(node).octets());
        let mut frame = [&to[..], &from, &ETHERTYPE.to_be_bytes(), &[VERSION, self.kind as u8]].concat();
        frame.extend(self.interval.to_be_bytes());
        frame.extend(brief(ends.own));
        frame.extend(brief(ends.other));
        [self.number, self.seen, self.about]
            .into_iter()
            .for_each(|number| frame.extend(number.to_be_bytes()));
        [self.window, self.round_trip].into_iter().for_each(|number| frame.extend(number.to_be_bytes()));
        frame.extend(self.passes.to_be_bytes());
        frame.push(self.span);
        frame.extend(self.full.to_be_bytes());
        frame.extend([0; 3]);
        let padding = vec![0; usize::from(self.size.saturating_sub(LEAST))];
        let mark = ends.key.mark([&frame[ETHERNET..], &padding]);
        frame.extend(mark);
        frame.extend(padding);
        frame
    }

    /// Reads what arrived from the other end.
    ///
    /// # Errors
    /// If that end did not send it, or not to this one.
    pub(crate) fn read(frame: &[u8], ends: &Ends<'_>) -> Result<Self, BadFrame> {
        let (from, to) = sender(frame)?;
        if from != brief(ends.other) || to != brief(ends.own) {
            return Err(BadFrame::NotForUs);
        }
        let (said, rest) = frame[ETHERNET..].split_at(SAID);
        let (mark, padding) = rest.split_at(PAIR_MARK);
        if !ends.key.made(mark, [said, padding]) {
            return Err(BadFrame::Forged);
        }
        let number = |from| u64::from_be_bytes(at(said, from));
        Ok(Self {
            kind: *KINDS.get(usize::from(said[1])).ok_or(BadFrame::Other)?,
            interval: u16::from_be_bytes(at(said, 2)),
            number: number(20),
            seen: number(28),
            about: number(36),
            window: u32::from_be_bytes(at(said, 44)),
            round_trip: u32::from_be_bytes(at(said, 48)),
            passes: u16::from_be_bytes(at(said, 52)),
            span: said[54].min(32),
            full: u16::from_be_bytes(at(said, 55)),
            size: u16::try_from(frame.len() - ETHERNET).map_err(|_| BadFrame::Other)?,
        })
    }
}
