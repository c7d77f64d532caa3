//! `weft ca`.

mod backup;
mod replace;
mod rotate;
mod show;

use crate::{client::Client, output::Out};
use clap::Subcommand;
use std::process::ExitCode;

/// The authority that says who the hosts of a cluster are.
#[derive(Debug, Subcommand)]
pub(crate) enum Ca {
    /// Which authority the cluster has, which hosts have its key, and how far it is being replaced
    Show(show::Show),
    /// Replace the authority by a new one: hosts renew their certificates by themselves, and nothing stops
    Rotate(rotate::Rotate),
    /// Write the authority to standard output, encrypted with a passphrase, to be kept off the hosts
    Export(backup::Export),
    /// Let this host let others in, with a file that `weft ca export` wrote
    Import(backup::Import),
    /// Make a new authority where nobody has the key of the one before: all other hosts have to join again
    New(replace::New),
}

impl Ca {
    pub(crate) fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        client.must_be_here("`weft ca`")?;
        match self {
            Self::Show(show) => crate::cli::wait_for(show.run(client, out)),
            Self::Rotate(rotate) => crate::cli::wait_for(rotate.run(client, out)),
            Self::Export(export) => export.run(out),
            Self::Import(import) => import.run(out),
            Self::New(new) => new.run(client, out),
        }
    }
}
