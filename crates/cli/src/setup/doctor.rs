//! `weft doctor`: all that weft needs of a host, of its store and of the other hosts, as far as this host can see it.

mod facts;
mod judge;
mod look;

use super::{checkup::Checkup, finding::Finding, look as host};
use crate::{
    client::{Client, UnixSocket},
    output::Out,
};
use std::process::ExitCode;

/// What makes this command fail, in its own word.
const PROBLEM: &str = "problem";

/// Check this host and all that weft needs, and say what mends it. Fails if there is a problem.
///
/// A host without an engine is sound, and so is one without an agent: what could not be looked at then is said. Nothing is
/// changed without --apply, but for devices that are made and removed again in a network namespace of their own.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 if there is no problem, 1 if there is one. A warning is none: something works, but not in \
                  every case, or not for ever."
)]
pub(crate) struct Doctor {
    #[command(flatten)]
    checkup: Checkup,
}

impl Doctor {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        client.must_be_here("`weft doctor`")?;
        let socket = self.checkup.docker_socket.clone();
        self.checkup.run(PROBLEM, out, async || find(client, &socket).await).await
    }
}

async fn find(client: &Client, docker_socket: &UnixSocket) -> Vec<Finding> {
    let mut facts = host::look(client, docker_socket).await;
    facts.as_root = "sudo weft doctor";
    let more = look::look(&facts).await;
    judge::judge(&facts, &more)
}
