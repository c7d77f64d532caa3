//! `weft init`.

use super::{Shared, file::ConfigFile, must_be_root, start::Start, with_config};
use crate::{
    client::{Client, Place},
    output::Out,
};
use anyhow::bail;
use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};
use weft_agent::joining::{Belonging, become_authority, belonging, refuse_another_cluster, refuse_joined};
use weft_model::Trust;
use weft_store::{StoreUrl, serve::ServeConfig};

/// The port that a store of one's own is served on: Consul's, whose API it speaks.
const STORE_PORT: u16 = 8500;

/// Set this host up as the first of a cluster. Others join it with tokens that this host makes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  weft init\n  weft init --cluster-advertise=eth0 \
    --cluster-store=consul://192.168.77.11:8500\n\nOther hosts reach TCP port 7946 of this one to join, and 8500 if it serves the \
    store; VXLAN is UDP port 4789.")]
pub(crate) struct Init {
    /// Where the truth of the cluster is, as to `weft agent` [default: what the configuration file says, or a store that
    /// this host serves to the others]
    #[arg(long, value_name = "URL")]
    cluster_store: Option<StoreUrl>,
    #[command(flatten)]
    shared: Shared,
}

impl Init {
    pub(crate) fn run(self, place: Place, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft init`")?;
        let mut file = ConfigFile::read(self.shared.config_file())?;
        self.say(&mut file)?;
        file.write()?;
        let config = with_config(self.shared.config.as_deref());
        let next = format!(
            "let other hosts in, each with a token of its own: weft node token{config} | ssh HOST sudo weft join"
        );
        Start { shared: &self.shared, place, client, next }.carry_out(&file, out)
    }

    /// Makes what others will know this host by, and says what its agent needs to know.
    fn say(&self, file: &mut ConfigFile) -> anyhow::Result<()> {
        let said = [
            ("cluster-store", self.cluster_store.as_ref().map(ToString::to_string)),
            ("cluster-advertise", self.shared.cluster_advertise.clone()),
            ("outside-address", self.shared.outside_address.map(|address| address.to_string())),
            ("node-name", self.shared.node_name.as_ref().map(ToString::to_string)),
        ];
        for (key, value) in said {
            value.iter().for_each(|value| file.set(key, value));
        }
        if self.cluster_store.as_ref().is_some_and(|store| !matches!(store, StoreUrl::Embedded(_))) {
            file.unset("store-serve");
        }
        file.add_options(&self.shared.cluster_store_opt);
        let config = file.describes()?;
        refuse_joined(&config)?;
        refuse_another_cluster(&config)?;
        if matches!(config.store, StoreUrl::Weft(_)) {
            bail!(
                "the configuration file of this host has it use the store of another: `weft join` lets it in there, \
                 --cluster-store=embedded gives it a cluster of its own"
            );
        }
        let address = config.advertise.resolve(None)?;
        if matches!(config.store, StoreUrl::Embedded(_)) && config.serves_at().is_none() {
            let at = SocketAddr::new(address, STORE_PORT);
            refuse_taken(at)?;
            match config.store_serve.as_ref().and_then(ServeConfig::socket) {
                None => file.set("store-serve", &at.to_string()),
                Some(socket) => {
                    file.set_list("store-serve", &[at.to_string(), format!("unix://{}", socket.display())]);
                }
            }
        }
        // The certificate is what the store is served with.
        become_authority(&config)?;
        // Where others were before, they would not be believed from now on.
        if !matches!(belonging(&config)?, Belonging::To(..)) {
            file.set("trust", &Trust::Signed.to_string());
        }
        file.describes().map(drop)
    }
}

fn refuse_taken(at: SocketAddr) -> anyhow::Result<()> {
    match TcpListener::bind(at) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "this host would serve its store on {at}, where another program listens: if that is Consul, give \
             --cluster-store=consul://{at}; otherwise write another address into the configuration file, as store-serve = \
             \"{}:8501\"",
            at.ip()
        ),
        _ => Ok(()),
    }
}
