//! The files for TLS, by Docker's names.

use anyhow::Context;
use std::{
    env,
    path::{Path, PathBuf},
};
use weft_agent::config::RemoteConfig;

/// What `--host tcp://…` needs: for an agent to be asked there, and to ask one.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct TlsFlags {
    /// Believe only certificates by this authority
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) tlscacert: Option<PathBuf>,
    /// The certificate to show
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) tlscert: Option<PathBuf>,
    /// Its key
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) tlskey: Option<PathBuf>,
    /// Believe nobody without a certificate: always so
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) tlsverify: bool,
}

/// Where the files of a user are, if no flag says so: as Docker's are in DOCKER_CERT_PATH, or ~/.docker.
const DIRECTORY: &str = "WEFT_CERT_PATH";

impl TlsFlags {
    /// What an agent shows, and whom it answers; where it listens is said by another flag.
    ///
    /// # Errors
    /// If half of it is missing.
    pub(crate) fn served(self) -> anyhow::Result<RemoteConfig> {
        let shown = match (self.tlscert, self.tlskey) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => anyhow::bail!("--tlscert and --tlskey belong together: give both, or neither"),
        };
        Ok(RemoteConfig { listen: Vec::new(), shown, authorities: self.tlscacert })
    }

    /// The texts of the three files of a user: the authority's certificate, the user's, and its key.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn read(&self) -> anyhow::Result<[String; 3]> {
        let own = env::var_os(DIRECTORY).filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".weft"));
        let directory = own.or_else(home).unwrap_or_default();
        let read = |given: &Option<PathBuf>, flag: &str, name: &str| {
            let path = given.clone().unwrap_or_else(|| directory.join(name));
            std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "cannot read {} ({flag}, or {DIRECTORY}): `weft user add NAME`, on a host of the cluster, makes what \
                     --host tcp://… needs",
                    path.display()
                )
            })
        };
        Ok([
            read(&self.tlscacert, "--tlscacert", "ca.pem")?,
            read(&self.tlscert, "--tlscert", "cert.pem")?,
            read(&self.tlskey, "--tlskey", "key.pem")?,
        ])
    }
}
