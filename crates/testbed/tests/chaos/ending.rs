//! What everything comes to in the end.

use crate::{
    figures::Measure,
    load::Load,
    records,
    stage::{LOOK, SOON, Stage},
    views::Which,
};
use weft_testbed::{eventually_every, within};

impl Stage<'_> {
    /// Everything comes to rest, and is judged.
    #[track_caller]
    pub(crate) fn end(&mut self) {
        let unsettled = self.load.take().map(Load::settle).unwrap_or_default();
        unsettled.into_iter().for_each(|what| self.figures.wrong(what));
        let rested = within(LOOK, SOON, || {
            self.agreed(Which::All)?;
            self.engines_agree()?;
            let verdict = self.history.judge(&records::claimed(&self.servers)?);
            let wrong: Vec<_> = verdict.lost.into_iter().chain(verdict.left_over).collect();
            if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
        });
        rested.unwrap_or_else(|why| self.figures.wrong(why));
        if let Some(traffic) = self.traffic.take() {
            traffic.count(self.figures);
        }
        let stored = eventually_every(LOOK, SOON, || records::claimed(&self.servers));
        let verdict = self.history.judge(&stored);
        let astray = verdict.lost.len() + verdict.left_over.len();
        for (what, count) in [(Measure::Duplicates, verdict.duplicates.len()), (Measure::Astray, astray)] {
            self.figures.measure(what, f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        self.figures.granted = self.history.grants();
        verdict.duplicates.into_iter().for_each(|what| self.figures.wrong(what));
        (1..=self.agents.len()).for_each(|number| self.hear(number));
        for text in self.says.iter().filter(|text| !self.heard.contains(**text)) {
            self.figures.wrong(format!("nowhere it said {text:?}"));
        }
    }
}
