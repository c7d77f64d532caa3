//! How far it is, on a terminal.

use super::report::Report;
use crate::patience::rewrite;
use std::io::IsTerminal;

/// The line that is written anew.
pub(super) struct Progress {
    shows: bool,
}

impl Progress {
    /// On standard error, if that is a terminal.
    pub(super) fn on_terminal() -> Self {
        Self { shows: std::io::stderr().is_terminal() }
    }

    pub(super) fn show(&self, report: &Report) {
        if !self.shows {
            return;
        }
        let broken = report.ways.iter().filter(|way| !way.passes).count();
        let broken = if broken == 0 { String::new() } else { format!(", {broken} do not pass") };
        rewrite(&format!("{} of {} ways tried{broken}…", report.ways.len(), report.all()));
    }

    pub(super) fn clear(&self) {
        if self.shows {
            rewrite("");
        }
    }
}
