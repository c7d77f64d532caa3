//! `weft manual`.

mod sections;

use crate::cli::Cli;
use anyhow::Context;
use clap::CommandFactory;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::ExitCode,
};

/// Write the manual pages; packages are made with this.
#[derive(Debug, clap::Args)]
pub(crate) struct Manual {
    /// The directory to write them into
    dir: PathBuf,
}

impl Manual {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let failed = || format!("cannot write manual pages into {}", self.dir.display());
        clap_mangen::generate_to(Cli::command(), &self.dir).with_context(failed)?;
        for page in fs::read_dir(&self.dir).with_context(failed)? {
            let path = page.with_context(failed)?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            if name != "weft" && !name.starts_with("weft-") {
                continue;
            }
            let mut file = OpenOptions::new().append(true).open(&path).with_context(failed)?;
            file.write_all(sections::of(&name).as_bytes()).with_context(failed)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
