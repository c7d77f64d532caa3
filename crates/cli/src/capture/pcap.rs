//! Packets as tcpdump and Wireshark read them (draft-ietf-opsawg-pcap; pcap-savefile(5)), in this machine's byte order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Times in nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
/// `LINKTYPE_ETHERNET`.
const ETHERNET: u32 = 1;

/// What a file begins with.
pub(super) fn header(most: u32) -> Vec<u8> {
    let [major, minor] = VERSION.map(u16::to_ne_bytes);
    // The time zone and its accuracy are zero.
    let rest = [0, 0, most, ETHERNET].map(u32::to_ne_bytes);
    [&MAGIC.to_ne_bytes()[..], &major, &minor, rest.as_flattened()].concat()
}

/// A packet that was seen at this time, of which `most` bytes are kept.
pub(super) fn packet(at: SystemTime, bytes: &[u8], most: u32) -> Vec<u8> {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let kept = &bytes[..bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX))];
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
    let head = [seconds, since.subsec_nanos(), number(kept.len()), number(bytes.len())].map(u32::to_ne_bytes);
    [head.as_flattened(), kept].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_out_as_the_draft_has_it() {
        let word = |bytes: &[u8], at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let header = header(96);
        assert_eq!(
            (header.len(), word(&header, 0), word(&header, 16), word(&header, 20)),
            (24, MAGIC, 96, 1)
        );
        assert_eq!(header[4..8], [2u16.to_ne_bytes(), 4u16.to_ne_bytes()].concat());
        let packet = packet(UNIX_EPOCH + Duration::from_nanos(7_000_000_009), &[5; 100], 96);
        assert_eq!([0, 4, 8, 12].map(|at| word(&packet, at)), [7, 9, 96, 100]);
        assert_eq!(packet[16..], [5; 96]);
    }
}
