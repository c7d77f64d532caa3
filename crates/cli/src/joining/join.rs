//! `weft join`.

use super::{
    Shared,
    file::{ConfigFile, try_replacing},
    must_be_root, own_cluster, secret_file, service,
    start::Start,
    terminal,
};
use crate::{
    agent::DEFAULT_VXLAN_PORT,
    cli::wait_for,
    client::{Client, Place},
    output::Out,
    patience::patiently,
};
use anyhow::{Context, bail};
use std::process::ExitCode;
use weft_agent::joining::{Guest, PEER_PORT, join, try_token, until_no_agent_runs};
use weft_api::v1;
use weft_store::{StoreOptions, StoreUrl};
use weft_trust::{JoinAnswer, JoinToken};

/// Let this host join a cluster, with a token that is read from standard input.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  weft node token | ssh HOST sudo weft join      on a host of the cluster\n  weft join\
    \u{20}                                     here: asks for the token\n\nTCP port 7946 of the host that made the token has to be open to \
    this one."
)]
pub(crate) struct Join {
    #[command(flatten)]
    shared: Shared,
    /// A token where everybody can read it.
    #[arg(hide = true, value_name = "TOKEN")]
    in_the_open: Option<String>,
}

impl Join {
    pub(crate) fn run(self, place: Place, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft join`")?;
        if self.in_the_open.is_some() {
            bail!(
                "a token must not be given like this: everyone on this machine can read a command line; run `weft join` and \
                 paste it, or give it on standard input"
            );
        }
        let mut file = ConfigFile::read(self.shared.config_file())?;
        self.say(&mut file);
        StoreOptions::parse(&self.shared.cluster_store_opt)?;
        let token: JoinToken = terminal::secret("token")?.parse()?;
        let config = file.describes()?;
        // All that can be known before something is given up, and before the token is used up.
        config.advertise.resolve(None)?;
        try_replacing(file.path())?;
        let cluster = own_cluster::shared(&config)?;
        let runs = || wait_for(async { Ok(client.get::<v1::Status>("/weft/v1/status").await.is_ok()) });
        if cluster.is_some() && !service::is_there() && runs()? {
            bail!(
                "this host is in a cluster already: to join that again, stop its agent first; for another, take it out with `weft \
                 leave`"
            );
        }
        let answer = wait_for(patiently("Joining the cluster", async {
            let guest = Guest { name: &config.node_name, data_dir: &config.data_dir, cluster };
            try_token(&token, guest).await?;
            own_cluster::give_up(&config, client).await?;
            if service::is_there() {
                service::stop()?;
            }
            until_no_agent_runs(&config).await?;
            let joined = join(&token, guest).await;
            if joined.is_err() && cluster.is_some() && service::is_there() {
                // As it was.
                service::start()?;
            }
            Ok(joined?)
        }))?;
        let configured = self.configure(&mut file, &answer, token.at.port());
        configured.context("this host was let in, but its agent cannot be told so")?;
        let next = "use the cluster's networks: weft network ls".to_owned();
        Start { shared: &self.shared, place, client, next }.carry_out(&file, out)
    }

    fn say(&self, file: &mut ConfigFile) {
        let (name, outside) = (self.shared.node_name.as_ref(), self.shared.outside_address);
        for (key, value) in [
            ("cluster-advertise", self.shared.cluster_advertise.clone()),
            ("outside-address", outside.map(|address| address.to_string())),
            ("node-name", name.map(ToString::to_string)),
        ] {
            value.iter().for_each(|value| file.set(key, value));
        }
    }

    /// Writes how the store is reached.
    fn configure(&self, file: &mut ConfigFile, answer: &JoinAnswer, peer_port: u16) -> anyhow::Result<()> {
        let store = &answer.store;
        let url: StoreUrl = store.url.parse().context("it did not say where the store is")?;
        if matches!(url, StoreUrl::Embedded(_)) {
            bail!("it named a file of its own as the store: a later version may know why");
        }
        let given = &self.shared.cluster_store_opt;
        let missing = store
            .files
            .iter()
            .find(|name| !given.iter().any(|option| option.starts_with(&format!("{name}="))));
        if let Some(name) = missing {
            bail!(
                "the store is reached with a file that is not sent: copy it from there, make another token, and give \
                 --cluster-store-opt {name}=FILE"
            );
        }
        file.unset("store-serve");
        file.set("trust", &answer.trust.to_string());
        file.set("cluster-store", &url.to_string());
        let mut options = [store.harmless_options()?, given].concat();
        if let Some(token) = &store.token {
            let path = secret_file::beside(self.shared.config_file())?;
            secret_file::write(&path, token)?;
            options.push(format!("token-file={}", path.display()));
        }
        file.set_options(&options);
        if !answer.network_options.is_empty() {
            file.set_list("default-network-opt", &answer.network_options);
        }
        if !answer.address_pools.is_empty() {
            file.set_list("default-address-pool", &answer.address_pools);
        }
        if answer.store_says_all {
            file.set("store-rebuild", "off");
        }
        if answer.vxlan_port != DEFAULT_VXLAN_PORT || file.says("vxlan-port") {
            file.set_number("vxlan-port", answer.vxlan_port);
        }
        if peer_port != PEER_PORT || file.says("peer-port") {
            file.set_number("peer-port", peer_port);
        }
        file.describes()?;
        file.write()
    }
}
