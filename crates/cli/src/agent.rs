//! `weft agent`: from flags and file to a running agent.

mod file;
mod log;
mod settings;

pub(crate) use file::DEFAULT as CONFIG_FILE;
pub(crate) use settings::Span;

use crate::{
    cli::wait_for,
    client::{Host, Place, TlsFlags},
};
use anyhow::{Context, bail};
use rustix::thread::{CapabilitySet, capabilities};
use settings::{Settings, Switch};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};
use weft_agent::config::{AgentConfig, DATA_DIR, DEFAULT_TUNNEL_PORT, RemoteConfig};
use weft_agent::{Ended, Inherited, joining::member_files};
use weft_http::open_files;
use weft_ipam::AddressPool;
use weft_model::{NodeName, VNI_OPTIONS, check_encryption_option};
use weft_store::{
    Secret, StoreOptions, StoreUrl,
    serve::{ServeAddress, ServeConfig},
};
use weft_verbs::refuse_unknown_options;

/// The exit status of an agent whose host has left its cluster. systemd does not start it again: its units name this
/// status.
const LEFT: u8 = 80;

/// The UDP port for VXLAN, if nothing else is said (RFC 7348, section 8).
pub(crate) const DEFAULT_VXLAN_PORT: u16 = 4789;

/// Run the agent of this host, as root.
#[derive(Debug, clap::Args)]
#[command(after_long_help = store_options_help())]
pub(crate) struct Agent {
    #[command(flatten)]
    settings: Settings,
    /// Another configuration file than /etc/weft/weft.toml; it must exist
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory was moved here from a host that is gone for good: be that node from now on
    ///
    /// An agent whose data directory comes from another machine does not start if it has endpoints, since the other
    /// may still have them, too. Needed once. Where the other is up, it is refused all the same.
    #[arg(long)]
    moved: bool,
}

/// The sockets that systemd handed over.
fn inherited() -> Inherited {
    let sockets = weft_netlink::inherited_sockets().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot take the sockets that this agent was started with");
        Vec::new()
    });
    Inherited::of(sockets)
}

impl Agent {
    /// One that a file describes.
    pub(crate) fn described_in(config: Option<PathBuf>) -> Self {
        Self { settings: Settings::default(), config, moved: false }
    }

    pub(crate) fn run(self, place: Place) -> anyhow::Result<ExitCode> {
        // First of all, before anything else is opened.
        let inherited = inherited();
        weft_netlink::give_back_freed();
        let ended = self.serve(place, &inherited);
        if let Err(error) = &ended {
            let why = format!("the weft agent of this host does not start, or ended: {error:#}");
            wait_for(async {
                inherited.turn_away(&why).await;
                Ok(())
            })?;
        }
        ended
    }

    fn serve(mut self, place: Place, inherited: &Inherited) -> anyhow::Result<ExitCode> {
        self.settings.at(place);
        let settings = self.settings.or(file::read(self.config.as_deref())?);
        let logs =
            log::start(settings.log_level.unwrap_or_default(), settings.log_format.unwrap_or_default());
        if !rustix::process::geteuid().is_root() {
            bail!("the agent makes network devices and namespaces: run it as root");
        }
        check_capabilities()?;
        let config = AgentConfig { open_files: open_files::raise(), moved: self.moved, ..config(settings)? };
        match tokio::runtime::Runtime::new()?.block_on(weft_agent::run(config, logs, inherited))? {
            Ended::Stopped => Ok(ExitCode::SUCCESS),
            Ended::Left => Ok(ExitCode::from(LEFT)),
        }
    }
}

/// What an agent does that is configured by a file alone.
pub(crate) fn read_config(file: Option<&Path>) -> anyhow::Result<AgentConfig> {
    config(file::read(file)?)
}

/// What an agent does that is configured by a file with this text.
pub(crate) fn described_by(text: &str) -> anyhow::Result<AgentConfig> {
    config(file::parse(text)?)
}

/// The same, for who does what an agent would.
pub(crate) fn configured(file: Option<&Path>) -> anyhow::Result<AgentConfig> {
    let config = read_config(file)?;
    if !rustix::process::geteuid().is_root() {
        bail!("no agent runs here, and what it made can be removed by root only: run this as root");
    }
    check_capabilities()?;
    Ok(config)
}

/// Root, too, may lack what it takes: a unit can drop it, and a container usually does.
fn check_capabilities() -> anyhow::Result<()> {
    let effective = capabilities(None).context("cannot read the capabilities of this process")?.effective;
    for (needed, name) in
        [(CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"), (CapabilitySet::SYS_ADMIN, "CAP_SYS_ADMIN")]
    {
        if !effective.contains(needed) {
            bail!(
                "the agent makes network devices and namespaces, for which this process lacks {name}: have it in \
                 CapabilityBoundingSet= of its unit, or give it to the container with --cap-add"
            );
        }
    }
    Ok(())
}

/// Checks everything together, and fills in what is not given.
fn config(settings: Settings) -> anyhow::Result<AgentConfig> {
    let (socket, remote) = listening(&settings.host, settings.tls()?)?;
    let peer_port = settings.peer_port.unwrap_or(weft_agent::joining::PEER_PORT);
    if let Some(taken) = remote.listen.iter().find(|listen| listen.port() == peer_port) {
        bail!(
            "--host tcp://{taken}: agents speak to each other on that port (--peer-port); give another, as tcp://{}:2376",
            taken.ip()
        );
    }
    let store = settings.cluster_store.unwrap_or(StoreUrl::Embedded(None));
    let store_token = token_from_environment()?;
    let options = StoreOptions::parse(&settings.cluster_store_opt)?;
    let data_dir = std::path::absolute(settings.data_dir.unwrap_or_else(|| DATA_DIR.into()))?;
    let (vxlan_port, tunnel_port) = ports(settings.vxlan_port, settings.tunnel_port)?;
    let (store_serve, store_options) = serving(settings.store_serve, &store, options, store_token.as_ref())?;
    Ok(AgentConfig {
        node_name: settings.node_name.map_or_else(host_name, Ok)?,
        store,
        session_ttl: store_options.session_ttl,
        store_options: StoreOptions { member: Some(member_files(&data_dir)), ..store_options },
        store_token,
        store_rebuild: settings.store_rebuild.is_none_or(|switch| switch == Switch::On),
        store_serve,
        advertise: settings.cluster_advertise.unwrap_or_default(),
        outside_address: settings.outside_address,
        vxlan_port,
        measures_paths: true,
        tunnel_port,
        behind_nat: settings.behind_nat,
        trust: settings.trust.unwrap_or_default().get(),
        peer_port,
        default_address_pools: address_pools(&settings.default_address_pool),
        default_network_options: network_options(&settings.default_network_opt)?,
        moved: false,
        data_dir,
        socket,
        remote,
        metrics_listen: settings.metrics_listen,
        docker: settings.docker_socket.unwrap_or_default().engine(settings.docker_proxy)?,
        node_expiry: settings.node_expiry.map_or(settings::NODE_EXPIRY, |span| span.0),
        open_files: None,
        // Not its path: an upgrade may have put another version there, or nothing yet.
        weft_binary: "/proc/self/exe".into(),
    })
}

/// Reads the text of a configuration file, and forgets it.
pub(crate) fn parse_file(text: &str) -> anyhow::Result<()> {
    Ok(file::parse(text).map(drop)?)
}

/// The files with secrets that the configuration file names. Without them the agent does not start, or does not reach its
/// store.
pub(crate) fn configured_secrets() -> Vec<PathBuf> {
    let settings = file::read(None).unwrap_or_default();
    let store = StoreOptions::parse(&settings.cluster_store_opt).unwrap_or_default();
    [store.token_file, store.password_file, store.tls.key, settings.tlskey].into_iter().flatten().collect()
}

/// Where networks without a subnet of their own take theirs from, as far as the configuration file says.
pub(crate) fn configured_address_pools() -> Vec<AddressPool> {
    // An agent that cannot read its file does not start, and says why.
    address_pools(&file::read(None).unwrap_or_default().default_address_pool)
}

fn address_pools(given: &[AddressPool]) -> Vec<AddressPool> {
    if given.is_empty() { vec![AddressPool::default_ipv4()] } else { given.to_vec() }
}

/// The socket that the agent answers on, which it always has, and the ports on which it answers other hosts.
fn listening(hosts: &[Host], tls: TlsFlags) -> anyhow::Result<(PathBuf, RemoteConfig)> {
    let (mut sockets, mut remote) = (Vec::new(), tls.served()?);
    for host in hosts {
        match host {
            Host::Unix(socket) => sockets.push(socket.clone()),
            Host::Tcp(host) => remote.listen.push(host.address()?),
        }
    }
    if sockets.len() > 1 {
        bail!("--host: the agent answers on one socket, and was given {}", sockets.len());
    }
    Ok((sockets.pop().unwrap_or_default().path().to_owned(), remote))
}

/// The UDP ports for VXLAN and for encrypted packets, which are two.
fn ports(vxlan: Option<u16>, tunnel: Option<u16>) -> anyhow::Result<(u16, u16)> {
    let ports = (vxlan.unwrap_or(DEFAULT_VXLAN_PORT), tunnel.unwrap_or(DEFAULT_TUNNEL_PORT));
    if ports.0 == ports.1 {
        bail!("--vxlan-port and --tunnel-port are both {}: each needs a UDP port of its own", ports.0);
    }
    Ok(ports)
}

/// The options of networks that do not say otherwise. What a network could not have is refused at once, not when the first
/// is created.
fn network_options(given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let option = |text: &String| {
        crate::network::option(text).map_err(|why| anyhow::anyhow!("--default-network-opt {text:?}: {why}"))
    };
    let options: BTreeMap<String, String> = given.iter().map(option).collect::<Result<_, _>>()?;
    if let Some(vni) = VNI_OPTIONS.iter().find(|vni| options.contains_key(**vni)) {
        bail!("--default-network-opt {vni}: each network has a VNI of its own, so it cannot be a default");
    }
    refuse_unknown_options(&options).context("--default-network-opt")?;
    check_encryption_option(&options).context("--default-network-opt")?;
    Ok(options)
}

/// How to serve the store, and the options that are left for opening it: what clients have to know is said in
/// the same way as what a client knows.
fn serving(
    addresses: Vec<ServeAddress>,
    store: &StoreUrl,
    mut options: StoreOptions,
    token: Option<&Secret>,
) -> anyhow::Result<(Option<ServeConfig>, StoreOptions)> {
    if addresses.is_empty() {
        return Ok((None, options));
    }
    if !matches!(store, StoreUrl::Embedded(_)) {
        bail!(
            "--store-serve serves the embedded store, but --cluster-store is {store}: leave out one of them"
        );
    }
    let sockets = addresses.iter().filter(|address| matches!(address, ServeAddress::Unix(_))).count();
    if sockets > 1 || addresses.len() - sockets > 1 {
        bail!("--store-serve takes one address and one unix://PATH: leave out the others");
    }
    let from_file = options.token_file.take().map(|path| Secret::read(&path)).transpose()?;
    Ok((ServeConfig::on(addresses, from_file.or_else(|| token.cloned())), options))
}

fn host_name() -> anyhow::Result<NodeName> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    name.parse().with_context(|| format!("the hostname {name:?} cannot be the node's name: give --node-name"))
}

/// The variables that Consul's own command line knows.
pub(crate) fn token_from_environment() -> anyhow::Result<Option<Secret>> {
    if let Some(path) = std::env::var_os("CONSUL_HTTP_TOKEN_FILE") {
        return Ok(Some(Secret::read(path.as_ref())?));
    }
    match std::env::var("CONSUL_HTTP_TOKEN") {
        Ok(token) if !token.is_empty() => Ok(Some(Secret::new(&token, "CONSUL_HTTP_TOKEN")?)),
        _ => Ok(None),
    }
}

fn store_options_help() -> String {
    let width = weft_store::STORE_OPTIONS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = weft_store::STORE_OPTIONS.iter().map(|(name, what)| format!("  {name:width$}  {what}\n"));
    format!("Options of the store:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
