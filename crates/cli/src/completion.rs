//! `weft completion`.

use crate::{cli::Cli, output::Out};
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

/// Write a shell's completion script: `weft completion bash > /etc/bash_completion.d/weft`
#[derive(Debug, clap::Args)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "weft", &mut script);
        out.bytes(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
