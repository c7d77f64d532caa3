//! `weft network rm`.

use crate::{
    client::{Client, ClientError},
    completion,
    failure::each,
    output::Out,
};
use std::{cell::RefCell, process::ExitCode};

/// Remove networks that nobody is on.
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// Names, ids, or starts of ids
    #[arg(required = true, value_name = "NETWORK")]
    #[arg(add = completion::networks())]
    networks: Vec<String>,
    /// One that does not exist is no error
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    pub(super) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        let out = RefCell::new(out);
        each(&self.networks, async |network| match client.delete(&super::path(network)).await {
            Err(error) if self.force && ClientError::is_not_found(&error) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => out.borrow_mut().line(network),
        })
        .await
    }
}
