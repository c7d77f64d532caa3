//! `weft doctor` and `weft setup`: what a host lacks for weft to work on it, and what mends that.
//!
//! [`look`] gathers facts, [`judge`] makes findings of them without looking at anything else, and what mends them
//! is carried out only by [`checkup`], and only if asked to.

mod checkup;
mod docker;
mod doctor;
mod facts;
mod filter;
mod finding;
mod forwarding;
mod fuzzed;
mod judge;
mod look;
mod mend;

pub(crate) use doctor::Doctor;
pub(crate) use forwarding::{OwnRules, forwarding, vxlan};
pub(crate) use fuzzed::judge_filter;

use crate::{client::Client, output::Out};
use clap::Subcommand;
use std::process::ExitCode;

/// A part of `weft doctor`.
#[derive(Debug, Subcommand)]
pub(crate) enum Setup {
    /// Check what Docker's containers on weft's networks need here; `weft doctor` checks it, too. Fails if something is
    /// missing
    Docker(docker::Docker),
}

impl Setup {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        client.must_be_here("`weft setup`")?;
        match self {
            Self::Docker(docker) => docker.run(client, out).await,
        }
    }
}
