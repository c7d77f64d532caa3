//! Words of strangers that go into a log or onto a screen.

use std::fmt::Display;

/// The most of it, in characters.
const MOST: usize = 300;

/// The beginning of `text`. Parsers, for one, repeat what they cannot parse, however long it is.
pub(crate) fn brief(text: impl Display) -> String {
    text.to_string().chars().take(MOST).collect()
}
