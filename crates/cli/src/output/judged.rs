//! How something was found, in a word and its colour.

use clap::builder::styling::{AnsiColor, Style};
use weft_model::Verdict;

/// A word for it, as wide as the longest.
pub(crate) fn word_for(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ok => coloured(AnsiColor::Green, "ok"),
        Verdict::Warning => coloured(AnsiColor::Yellow, "warning"),
        Verdict::Problem => coloured(AnsiColor::Red, "problem"),
    }
}

/// The word in a colour, as wide as the longest.
pub(crate) fn coloured(colour: AnsiColor, word: &str) -> String {
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{word:7}{style:#}")
}
