//! Which random histories to try, and how to see one again.

use std::ops::Range;

/// Those that `WEFT_SEEDS` says, as `17` or `0..10000`; the `usual` ones if it says nothing.
pub(crate) fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("WEFT_SEEDS") else { return usual };
    let number = |text: &str| text.parse::<u64>().expect("WEFT_SEEDS is a number or a range of them");
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    }
}

/// Says how to see a failure of `test` again.
pub(crate) struct Replay {
    pub(crate) seed: u64,
    pub(crate) test: &'static str,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again: WEFT_SEEDS={} cargo test -p weft-agent {}", self.seed, self.test);
        }
    }
}
