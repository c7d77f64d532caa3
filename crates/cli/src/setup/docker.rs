//! `weft setup docker`: the part of `weft doctor` that is about Docker's containers.

use super::{checkup::Checkup, judge::judge, look::look};
use crate::{client::Client, output::Out};
use std::process::ExitCode;

/// What makes this command fail, in its own word.
const MISSING: &str = "missing";

/// Check what Docker's containers on weft's networks need here. Fails if something is missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Docker {
    #[command(flatten)]
    checkup: Checkup,
}

impl Docker {
    pub(super) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        let socket = self.checkup.docker_socket.clone();
        self.checkup.run(MISSING, out, async || judge(&look(client, &socket).await)).await
    }
}
