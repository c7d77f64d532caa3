//! For `fuzz/`.

use crate::{
    Prober,
    frame::{ETHERNET, Ends, SAID},
};
use weft_model::NodeId;
use weft_trust::PairKey;

/// How long the part of a frame is that its sender's mark follows, in bytes, with the Ethernet header.
const MARKED: usize = ETHERNET + SAID;

/// A frame as a node that has the pair's key may send it, whatever it says: `own` is the receiver.
pub fn marked(said: &[u8], other: &NodeId, own: &NodeId, key: &PairKey) -> Vec<u8> {
    let any = crate::Frame {
        kind: crate::Kind::Probe,
        span: 0,
        interval: 0,
        number: 0,
        seen: 0,
        window: 0,
        passes: 0,
        full: 0,
        about: 0,
        round_trip: 0,
        size: crate::LEAST,
    };
    let mut frame = any.write(&Ends { own: other, other: own, key });
    // Who sent it to whom, and in which layout, is not its to choose: it would be no frame of this pair's.
    let free = (15..18).chain(34..MARKED);
    free.zip(said).for_each(|(place, byte)| frame[place] = *byte);
    let padding = said.get(43..).unwrap_or_default();
    let mark = key.mark([&frame[ETHERNET..MARKED], padding]);
    frame.truncate(MARKED);
    [&frame[..], &mark, padding].concat()
}

/// What a prober knows of all paths, for checks.
pub fn is_sane(prober: &Prober) -> bool {
    prober.paths().values().all(|path| path.lost <= 1000 && path.passes().is_none_or(|passes| passes > 0))
}
