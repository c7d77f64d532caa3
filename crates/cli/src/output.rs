//! Tables for people, JSON for programs.

mod judged;
mod tame;

pub(crate) use judged::{coloured, word_for};
pub(crate) use tame::{one_line, tame};

use crate::template::Template;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    io::{self, Write},
    str::FromStr,
};

/// How to write something. What is said of each goes into the option's help: said here, it would take a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
}

/// How to write a list: the options of every `ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Listing {
    /// Ids or names only, one a line
    #[arg(short, long, conflicts_with = "format")]
    pub(crate) quiet: bool,
    /// How to write it: table, json, or for each item what a template makes of it, as docker has them: '{{.Name}}'
    #[arg(long, value_name = "table|json|TEMPLATE", default_value = "table")]
    format: ListFormat,
}

/// How to write a list, or what was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ListFormat {
    Table,
    Json,
    /// A line for each item.
    Template(Template),
}

impl FromStr for ListFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            // Of what is not there, nothing would be shown.
            _ if !text.contains("{{") => Err("write table, json, or a template, as '{{.Name}}'".to_owned()),
            // Without its headings, which the other columns would have to fit.
            _ => text.strip_prefix("table ").unwrap_or(text).parse().map(Self::Template),
        }
    }
}

impl Listing {
    /// Writes the items for programs, if they are to be written so.
    pub(crate) fn written<T: Serialize>(&self, items: &[T], out: &mut Out) -> anyhow::Result<bool> {
        self.format.written(items, out)
    }
}

impl ListFormat {
    /// The same.
    pub(crate) fn written<T: Serialize>(&self, items: &[T], out: &mut Out) -> anyhow::Result<bool> {
        match self {
            Self::Table => return Ok(false),
            Self::Json => out.json(&items)?,
            Self::Template(template) => {
                for item in items {
                    out.line(template.render(item)?)?;
                }
            }
        }
        Ok(true)
    }
}

/// Standard output. Writing to one that nobody reads any more is an error, not a panic.
pub(crate) struct Out(anstream::AutoStream<io::Stdout>);

impl Out {
    pub(crate) fn stdout() -> Self {
        Self(anstream::stdout())
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> anyhow::Result<()> {
        Ok(writeln!(self.0, "{}", tame(text.as_ref()))?)
    }

    /// Writes bytes as they are, at once.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        // Past anstream, which would take the colours out of what a process wrote.
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Writes a JSON document.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        self.line(serde_json::to_string_pretty(value)?)
    }

    /// Writes rows under headings, as docker does: without lines, three spaces apart.
    pub(crate) fn table(&mut self, headings: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
        self.line(render(headings, rows))
    }

    /// Writes pairs, one a line.
    pub(crate) fn pairs(&mut self, pairs: Vec<(&str, String)>) -> anyhow::Result<()> {
        self.line(aligned(&pairs))
    }
}

/// Pairs, one a line. One without a key goes on with what the one before says.
pub(crate) fn aligned(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(key, _)| key.len()).max().unwrap_or(0) + 1;
    let line = |(key, value): &(&str, String)| match *key {
        "" => format!("{:width$} {value}", ""),
        key => format!("{:width$} {value}", format!("{key}:")),
    };
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Rows under headings.
pub(crate) fn render(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 3)).set_cell_alignment(CellAlignment::Left);
    }
    table.trim_fmt()
}

/// The part of an id that people read.
pub(crate) fn short(id: &str, whole: bool) -> String {
    if whole { id.to_owned() } else { id.chars().take(12).collect() }
}

/// What a table has in a cell, also where there is nothing.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// How long before `now` it was, in one unit, as docker says it.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", since(then, now))
}

/// How long it is from `then` to `now`, in one unit.
pub(crate) fn since(then: Timestamp, now: Timestamp) -> String {
    lasted(now.duration_since(then).as_secs())
}

/// Seconds in the largest unit that fits twice.
fn lasted(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")];
    let unit = UNITS.iter().find(|(size, _)| seconds >= 2 * size);
    match unit {
        Some((size, name)) => format!("{} {name}", seconds / size),
        None => "1 second".to_owned(),
    }
}

/// So many bytes, in three digits: kB is 1000, as docker has it.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (1_000_000_000_000_000, "PB"),
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1000, "kB"),
    ];
    let Some((unit, name)) = UNITS.iter().find(|(unit, _)| count >= *unit) else {
        return format!("{count} B");
    };
    let (whole, tenths) = (count / unit, count % unit / (unit / 10));
    if whole >= 100 || tenths == 0 { format!("{whole} {name}") } else { format!("{whole}.{tenths} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_three_digits() {
        let texts = [0, 999, 1000, 1550, 23_456, 999_999, 5_000_000_000].map(bytes);
        assert_eq!(texts, ["0 B", "999 B", "1 kB", "1.5 kB", "23.4 kB", "999 kB", "5 GB"]);
    }

    #[test]
    fn a_table_looks_like_dockers() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let text = render(&["NAME", "SUBNET"], vec![row("overlay", "10.0.0.0/24"), row("x", "")]);
        assert_eq!(text, "NAME      SUBNET\noverlay   10.0.0.0/24\nx");
    }

    #[test]
    fn durations_in_one_unit() {
        assert_eq!(lasted(-5), "1 second");
        assert_eq!(lasted(59), "59 seconds");
        assert_eq!(lasted(119), "119 seconds");
        assert_eq!(lasted(120), "2 minutes");
        assert_eq!(lasted(7200), "2 hours");
        assert_eq!(lasted(40 * 86400), "40 days");
    }
}
