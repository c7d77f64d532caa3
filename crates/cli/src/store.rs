//! `weft store`.

mod another_cluster;

use crate::{agent::token_from_environment, output::Out};
use anyhow::{Context, bail};
use clap::Subcommand;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};
use weft_agent::config::{DATA_DIR, embedded_store};
use weft_model::Keyspace;
use weft_store::{
    EmbeddedStore, Opened, Secret, StoreOptions, StoreUrl, connect, copy,
    serve::{Certificates, ServeConfig, Server},
};

/// Serve the embedded store to other hosts, or copy one store to another.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Serve an embedded store without an agent, as Consul would
    Serve(Serve),
    /// Copy a cluster from one store to another, while no agent runs
    Copy(Copy),
}

impl Store {
    pub(crate) async fn run(self, out: Out) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(serve) => serve.run(out).await,
            Self::Copy(copy) => copy.run(out).await,
        }
    }
}

/// Serve an embedded store without an agent, as Consul would.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The store's file [default: this host's agent's]
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8500")]
    listen: SocketAddr,
    /// The file with the token that clients have to know; needed unless ADDRESS is a loopback one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Serve {
    async fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        // Each client takes some.
        weft_http::open_files::raise();
        let token = self.token_file.as_deref().map(Secret::read).transpose()?;
        let config =
            ServeConfig::new(self.listen, token.map_or_else(token_from_environment, |t| Ok(Some(t)))?);
        let path = self.path.unwrap_or_else(|| embedded_store(Path::new(DATA_DIR)));
        config.check(!path.exists(), Certificates::None)?;
        let server = Server::bind(config, EmbeddedStore::open(&path)?, None).await?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        out.line(format!(
            "serving {} at consul://{}",
            path.display(),
            server.address().unwrap_or(self.listen)
        ))?;
        let stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        server.run(stop).await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Copy a cluster from one store to another, while no agent runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    /// Where from, as in --cluster-store
    from: StoreUrl,
    /// Where to
    to: StoreUrl,
    /// How to reach the first, as in --cluster-store-opt
    #[arg(long, value_name = "KEY=VALUE")]
    from_opt: Vec<String>,
    /// How to reach the second
    #[arg(long, value_name = "KEY=VALUE")]
    to_opt: Vec<String>,
    /// Overwrite what is there already; never another cluster
    #[arg(short, long)]
    force: bool,
}

impl Copy {
    async fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        if self.from == self.to {
            bail!("{} is one and the same store", self.from);
        }
        let (from, to) = (open(&self.from, &self.from_opt)?, open(&self.to, &self.to_opt)?);
        let keyspace = |store: &Opened| Keyspace::new(store.prefix.as_deref().unwrap_or_default());
        let (theirs, ours) = (keyspace(&from), keyspace(&to));
        let (theirs, root) = (theirs.root(), ours.root());
        if theirs != root {
            bail!("the keys would change from {theirs} to {root}: give both stores the same prefix");
        }
        let (source, target) = (from.store.as_ref(), to.store.as_ref());
        let copied = async {
            another_cluster::refuse(source, target, &ours).await?;
            Ok::<_, anyhow::Error>(copy(source, target, root, self.force).await?)
        };
        let report = copied.await.with_context(|| format!("cannot copy {} to {}", self.from, self.to))?;
        out.line(format!(
            "{} keys copied, {} were there already, {} of running agents left out",
            report.copied, report.same, report.bound
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn open(url: &StoreUrl, options: &[String]) -> anyhow::Result<Opened> {
    let member = Some(weft_agent::joining::member_files(Path::new(DATA_DIR)));
    let options = StoreOptions { member, ..StoreOptions::parse(options)? };
    Ok(connect(url, &options, token_from_environment()?, &embedded_store(Path::new(DATA_DIR)))?)
}
