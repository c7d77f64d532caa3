//! `weft node token`.

use super::must_be_root;
use crate::{
    agent::{self, Span},
    failure::warn,
    output::Out,
};
use jiff::tz::TimeZone;
use std::{io::IsTerminal, path::PathBuf, process::ExitCode};
use weft_agent::joining::make_token;

/// Print a token that lets one host into the cluster, once.
#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    /// How long it is good for, as 30m or 2h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    ttl: Span,
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Token {
    pub(crate) async fn run(&self, mut out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft node token`")?;
        let config = agent::read_config(self.config.as_deref())?;
        let (token, files) = make_token(&config, self.ttl.get()).await?;
        if !files.is_empty() {
            warn(&format!(
                "the store is reached with files that the new host does not get from here ({0}): copy them there, and say \
                 where they are: weft join --cluster-store-opt {1}=FILE …",
                files.join(", "),
                files[0],
            ));
        }
        out.line(token.to_string())?;
        if std::io::stdout().is_terminal() {
            let until = token.expires.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC");
            warn(&format!(
                "it is a secret that lets one host in, until {until}: there, run `weft join` and paste it"
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
