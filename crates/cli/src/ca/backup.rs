//! `weft ca export` and `weft ca import`.

use crate::{
    agent,
    joining::{must_be_root, passphrase},
    output::Out,
};
use anyhow::Context;
use std::{fs, path::PathBuf, process::ExitCode};
use weft_agent::joining::{export_authority, import_authority};

/// Write the authority to standard output, encrypted.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The passphrase is asked for, or read from standard input.\n\nExample:\n  weft ca export > ca.backup"
)]
pub(crate) struct Export {
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Export {
    pub(crate) fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft ca export`")?;
        let config = agent::read_config(self.config.as_deref())?;
        out.line(export_authority(&config, &passphrase(true)?)?.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Let this host let others in, with a file that `weft ca export` wrote.
#[derive(Debug, clap::Args)]
#[command(after_help = "The passphrase is asked for, or read from standard input.")]
pub(crate) struct Import {
    /// The backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Import {
    pub(crate) fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft ca import`")?;
        let config = agent::read_config(self.config.as_deref())?;
        let text = fs::read_to_string(&self.backup);
        let text = text.with_context(|| format!("cannot read {}", self.backup.display()))?;
        let authority = import_authority(&config, &text, &passphrase(false)?)?;
        out.line(format!(
            "This host has the key of the authority {}: it can let others in.",
            authority.short()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
