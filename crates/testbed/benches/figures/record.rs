//! The history of the figures: one line for each run that is worth keeping, as of a release.

use crate::table::Table;
use jiff::Timestamp;
use serde_json::json;
use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

/// The environment variable with the path of the file that a run is appended to.
const VARIABLE: &str = "WEFT_BENCH_RECORD";

/// Appends what was measured to the history, if one is wanted: a line of JSON, with the machine that it was measured
/// on, since figures of different machines do not compare.
pub(crate) fn append(machine: &str, table: &Table) {
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else { return };
    let [figure, weft, reference, ratio, must, verdict] = [0, 1, 2, 3, 4, 5];
    let figures: Vec<_> = table
        .rows()
        .map(|row| {
            json!({
                "figure": row[figure], "weft": row[weft], "reference": row[reference], "ratio": row[ratio],
                "must be": row[must], "verdict": row[verdict],
            })
        })
        .collect();
    let line = json!({
        "version": env!("CARGO_PKG_VERSION"), "at": Timestamp::now(), "machine": machine, "figures": figures,
    });
    if let Some(directory) = Path::new(&path).parent() {
        fs::create_dir_all(directory).expect("the history's directory can be made");
    }
    let mut file =
        OpenOptions::new().create(true).append(true).open(path).expect("the history can be written");
    writeln!(file, "{line}").expect("the history can be written");
}
