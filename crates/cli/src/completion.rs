//! `weft completion`, and what shells offer by it.

mod candidates;

pub(crate) use candidates::{containers, containers_and_nodes, containers_here, networks, nodes, processes};

use crate::{cli::Cli, output::Out};
use clap::CommandFactory;
use clap_complete::{
    CompleteEnv, Shell,
    env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh},
};
use std::process::ExitCode;

/// The variable by which a shell's script asks this program what there is to offer.
const ASKED: &str = "WEFT_COMPLETE";

/// Where zsh loads the script because something is to be completed, it is to be completed at once.
const AUTOLOADED: &str = "\nif [ \"$funcstack[1]\" = _weft ]; then _clap_dynamic_completer_weft \"$@\"; fi\n";

/// Write a shell's completion script: `source <(weft completion bash)`
///
/// Also the names of networks, hosts, containers and processes are offered, as this host's agent knows them. The script asks the
/// weft that is in PATH. Packages have it in place.
#[derive(Debug, clap::Args)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Elvish => &Elvish,
            Shell::Fish => &Fish,
            Shell::PowerShell => &Powershell,
            Shell::Zsh => &Zsh,
            other => anyhow::bail!("there is no script for {other}"),
        };
        let mut script = Vec::new();
        shell.write_registration(ASKED, "weft", "weft", "weft", &mut script)?;
        if self.shell == Shell::Zsh {
            script.extend_from_slice(AUTOLOADED.as_bytes());
        }
        out.bytes(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Answers the script of a shell, if it is one that runs this program, and ends then.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Cli::command).var(ASKED).complete();
}
