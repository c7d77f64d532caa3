//! The table that is printed in the end.

use std::fmt;

/// Measured figures, in the order they were measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 6]>,
}

/// What is measured beside weft, in the same run, so that a figure means something on any machine.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    pub(crate) value: f64,
    pub(crate) what: &'static str,
}

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub(crate) enum Must {
    /// At most this.
    Be(f64),
    /// At least this.
    Reach(f64),
    /// At most this many times its reference.
    Cost(f64),
    /// At least this many times its reference.
    Carry(f64),
    /// It is there to be read.
    Inform,
}

impl Must {
    fn bound(self, unit: &str) -> String {
        match self {
            Self::Be(bound) => format!("≤ {bound} {unit}"),
            Self::Reach(bound) => format!("≥ {bound} {unit}"),
            Self::Cost(bound) => format!("≤ × {bound}"),
            Self::Carry(bound) => format!("≥ × {bound}"),
            Self::Inform => String::new(),
        }
    }

    fn verdict(self, value: f64, ratio: Option<f64>) -> &'static str {
        let holds = match (self, ratio) {
            (Self::Be(bound), _) => value <= bound,
            (Self::Reach(bound), _) => value >= bound,
            (Self::Cost(bound), Some(ratio)) => ratio <= bound,
            (Self::Carry(bound), Some(ratio)) => ratio >= bound,
            (Self::Cost(_) | Self::Carry(_), None) => false,
            (Self::Inform, _) => return "",
        };
        if holds { "reached" } else { "MISSED" }
    }
}

impl Table {
    /// What was measured, in the order of the columns.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[String; 6]> {
        self.rows.iter()
    }

    /// Adds a figure.
    pub(crate) fn add(
        &mut self,
        what: impl Into<String>,
        (value, unit): (f64, &str),
        reference: Option<Reference>,
        must: Must,
    ) {
        let ratio = reference.filter(|r| r.value > 0.0).map(|reference| value / reference.value);
        let row = [
            what.into(),
            format!("{} {unit}", short(value)),
            reference.map_or_else(String::new, |r| format!("{} {unit}: {}", short(r.value), r.what)),
            ratio.map_or_else(String::new, |ratio| format!("× {ratio:.2}")),
            must.bound(unit),
            must.verdict(value, ratio).to_owned(),
        ];
        // Already now: what is measured next may take long, or fail.
        eprintln!("  {}", row.join("  "));
        self.rows.push(row);
    }
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["figure", "weft", "reference", "ratio", "must be", "verdict"].map(str::to_owned);
        let widths: [usize; 6] = std::array::from_fn(|column| {
            let cells = self.rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        });
        let rule = widths.map(|width| "─".repeat(width));
        for row in [&head, &rule].into_iter().chain(&self.rows) {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "{cell:<width$}  ")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The middle one of some measurements.
pub(crate) fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    measured.get(measured.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The largest one of some measurements.
pub(crate) fn worst(measured: &[f64]) -> f64 {
    measured.iter().copied().fold(f64::NAN, f64::max)
}
