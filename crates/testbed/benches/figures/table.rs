//! The table that is printed in the end.

use std::fmt;

/// Measured figures, in the order they were measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    reference: String,
    wanted: String,
    reached: bool,
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Wanted {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
        }
    }
}

impl Table {
    /// A figure that stands alone.
    pub(crate) fn add(&mut self, what: impl Into<String>, value: f64, unit: &str, wanted: Wanted) {
        self.push(
            what,
            format!("{value:.1} {unit}"),
            String::new(),
            format!("{wanted} {unit}"),
            wanted.holds(value),
        );
    }

    /// A figure that counts by its ratio to a reference measured in the same run.
    pub(crate) fn compare(
        &mut self,
        what: impl Into<String>,
        (value, reference): (f64, f64),
        unit: &str,
        wanted: Wanted,
    ) {
        let ratio = value / reference;
        self.push(
            what,
            format!("{value:.2} {unit}"),
            format!("{reference:.2} {unit}, × {ratio:.2}"),
            format!("× {wanted}"),
            wanted.holds(ratio),
        );
    }

    fn push(
        &mut self,
        what: impl Into<String>,
        measured: String,
        reference: String,
        wanted: String,
        reached: bool,
    ) {
        self.rows.push(Row { what: what.into(), measured, reference, wanted, reached });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, [a, b, c, d, e]: [&str; 5]| {
            writeln!(f, "| {a:<44} | {b:>14} | {c:>24} | {d:>14} | {e:<7} |")
        };
        line(f, ["what", "weft", "reference, ratio", "wanted", "reached"])?;
        line(f, ["---", "---:", "---:", "---:", "---"])?;
        for row in &self.rows {
            let reached = if row.reached { "yes" } else { "no" };
            line(f, [&row.what, &row.measured, &row.reference, &row.wanted, reached])?;
        }
        Ok(())
    }
}

/// The middle one of some measurements.
pub(crate) fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    measured.get(measured.len() / 2).copied().unwrap_or(f64::NAN)
}
