//! What comes over the socket of a process of `weft run -it`, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_process::session::{Frame, Frames};

fuzz_target!(|bytes: &[u8]| {
    let (size, bytes) =
        bytes.split_first().map_or((1, bytes), |(size, bytes)| (usize::from(*size) + 1, bytes));
    let (mut frames, mut again) = (Frames::default(), Vec::new());
    'all: for piece in bytes.chunks(size) {
        frames.take(piece);
        loop {
            match frames.frame() {
                // No data are no frame: what is written is never empty.
                Ok(Some(Frame::Data(data))) if data.is_empty() => again.extend([0, 0, 0]),
                Ok(Some(frame)) => frame.write(&mut again),
                Ok(None) => break,
                Err(_) => break 'all,
            }
        }
    }
    assert!(bytes.starts_with(&again), "what was understood is what was said");
});
