//! The table that is printed in the end, also after failures.

use crate::{
    figures::{Figures, Measure},
    scenario::Scenario,
};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// A line for each scenario, in the order in which they ended.
#[derive(Default)]
pub(crate) struct Table(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    cells: Vec<Vec<String>>,
    wrong: Vec<String>,
}

impl Table {
    pub(crate) fn add(&self, scenario: &Scenario, figures: &Figures, wrong: &[String]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let figure =
            |what: Measure| figures.of(what).map_or_else(|| "–".to_owned(), |value| what.show(value));
        let mut cells =
            vec![scenario.name.to_owned(), scenario.fault.to_owned(), figures.granted.to_string()];
        cells.extend(Measure::ALL.map(figure));
        cells.push(if wrong.is_empty() { "held" } else { "BROKEN" }.to_owned());
        lines.cells.push(cells);
        lines.wrong.extend(wrong.iter().map(|what| format!("{}: {what}", scenario.name)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.cells.is_empty() {
            return Ok(());
        }
        let mut heading = ["scenario", "fault", "granted"].map(str::to_owned).to_vec();
        heading.extend(Measure::ALL.map(|what| what.heading().to_owned()));
        heading.push("verdict".to_owned());
        let mut bounds = ["at most", "", ""].map(str::to_owned).to_vec();
        bounds.extend(Measure::ALL.map(|what| what.show(what.bound())));
        bounds.push(String::new());
        let all: Vec<_> = [&heading, &bounds].into_iter().chain(&lines.cells).collect();
        let width =
            |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        for row in all {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        lines.wrong.iter().try_for_each(|what| writeln!(f, "! {what}"))
    }
}
