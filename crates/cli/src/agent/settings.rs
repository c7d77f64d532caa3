//! What can be said with flags, and with the same keys in the file.

use super::{
    file,
    log::{Level, LogFormat},
};
use crate::client::{Host, Place, TlsFlags};
use anyhow::bail;
use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};
use std::{path::PathBuf, str::FromStr, time::Duration};
use weft_agent::config::{Advertise, DockerConfig, Loopback, OutsideAddress};
use weft_ipam::AddressPool;
use weft_model::{NodeName, Trust};
use weft_store::{StoreUrl, serve::ServeAddress};

/// How long after a node went down its endpoints are given up, if nothing else is said.
pub(super) const NODE_EXPIRY: Duration = Duration::from_secs(3600);

/// Where weft stands before the engine's socket, if nothing else is said.
const DOCKER_PROXY: &str = "/run/weft/docker.sock";

/// Everything that was said; what is absent has a default.
#[allow(rustdoc::broken_intra_doc_links, reason = "brackets in the help of a flag")]
#[derive(Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Settings {
    /// Where the truth of the cluster is: consul://HOST:8500[/PREFIX], etcd://HOST:2379[/PREFIX], weft://HOST:8500, the
    /// store that another agent serves to members, or embedded[:PATH], a file of this host [default: embedded]
    ///
    /// Several servers are separated by commas; consul+tls:// and etcd+tls:// speak TLS. A store that cannot
    /// be reached yet does not keep the agent from starting: it joins when the store comes.
    #[arg(long, value_name = "URL")]
    #[serde(deserialize_with = "file::parsed")]
    pub(super) cluster_store: Option<StoreUrl>,
    /// How the other hosts reach this one: an address, or an interface that has one [default: the address
    /// that the default route uses]
    ///
    /// It is also where VXLAN packets come from. A port is accepted for compatibility with Docker's
    /// --cluster-advertise, and not used.
    #[arg(long, value_name = "IP|INTERFACE[:PORT]")]
    #[serde(deserialize_with = "file::parsed")]
    pub(super) cluster_advertise: Option<Advertise>,
    /// The address under which the other hosts see this one and reach it, where a NAT in front of it puts that in place of
    /// its own, one to one
    ///
    /// All ports that the hosts need from each other have to pass, in both directions, with their numbers. Hosts behind one
    /// NAT reach each other if it leads back what they send to these addresses.
    #[arg(long, value_name = "IP")]
    #[serde(deserialize_with = "file::parsed")]
    pub(super) outside_address: Option<OutsideAddress>,
    /// How to reach the store; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(deserialize_with = "file::pairs")]
    pub(super) cluster_store_opt: Vec<String>,
    /// Whether the agents put back what the store lost, when it was wiped or brought back from a backup [default: on]
    ///
    /// With `off`, what the store says is true, whatever it said before: networks that it does not have any more
    /// are gone, and containers on them are cut off. Say the same on all hosts.
    #[arg(long, value_enum, value_name = "on|off")]
    pub(super) store_rebuild: Option<Switch>,
    /// Serve the embedded store to other hosts, which give --cluster-store=consul://ADDRESS:PORT; or to root's programs on
    /// this host, on a socket: unix:///run/weft/store.sock. May be repeated, for one of each
    ///
    /// For members, by certificates (`weft init`), as weft://ADDRESS:PORT; for others with a token, --cluster-store-opt
    /// token-file=FILE, unless trust is signed. Without either, the address has to be a loopback one.
    #[arg(long, value_name = "ADDRESS:PORT|unix://PATH")]
    #[serde(deserialize_with = "file::list")]
    pub(super) store_serve: Vec<ServeAddress>,
    /// This host's name in the cluster [default: the hostname]
    #[arg(long, value_name = "NAME")]
    pub(super) node_name: Option<NodeName>,
    /// The UDP port for VXLAN, the same on all hosts [default: 4789]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    #[serde(deserialize_with = "file::port")]
    pub(super) vxlan_port: Option<u16>,
    /// The UDP port for the packets of encrypted networks [default: 51820]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    #[serde(deserialize_with = "file::port")]
    pub(super) tunnel_port: Option<u16>,
    /// Other hosts cannot begin to send to this one, since it is behind NAT: it keeps its encrypted tunnels open itself
    ///
    /// Networks that are not encrypted do not work through NAT, and two hosts that are both behind it do not meet.
    #[arg(long)]
    pub(super) behind_nat: bool,
    /// The TCP port on which agents speak to each other, and let new hosts in [default: 7946]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    #[serde(deserialize_with = "file::port")]
    pub(super) peer_port: Option<u16>,
    /// Who is believed where the other hosts are: each host alone, by what it signed with its certificate of the cluster,
    /// or the store [default: store]
    ///
    /// `weft init` and `weft join` set up hosts that sign. Say the same on all hosts of a cluster.
    #[arg(long, value_enum, value_name = "signed|store")]
    pub(super) trust: Option<Believed>,
    /// Where networks without --subnet take theirs from; may be repeated [default:
    /// base=10.0.0.0/8,size=24]
    #[arg(long, value_name = "base=CIDR,size=BITS")]
    #[serde(deserialize_with = "file::list")]
    pub(super) default_address_pool: Vec<AddressPool>,
    /// A driver option that networks get which are created on this host and do not say otherwise, as `encrypted`; may be
    /// repeated
    #[arg(long, value_name = "KEY[=VALUE]")]
    #[serde(deserialize_with = "file::list")]
    pub(super) default_network_opt: Vec<String>,
    /// How long after a host went down its addresses and names are given up, as 30m or 2h [default: 1h]
    #[arg(long, value_name = "TIME")]
    #[serde(deserialize_with = "file::parsed")]
    pub(super) node_expiry: Option<Span>,
    /// The socket of the Docker engine on this host, whose driver the agent is; `none`: leave it alone [default:
    /// /var/run/docker.sock]
    ///
    /// There need not be an engine, and none has to be configured: it finds the agent by itself.
    #[arg(long, value_name = "PATH|none")]
    #[serde(deserialize_with = "file::parsed")]
    pub(super) docker_socket: Option<DockerSocketOption>,
    /// Stand before the engine's socket, for scripts that say `-d overlay` and are given
    /// DOCKER_HOST=unix://PATH [default where no PATH is given, or `true`: /run/weft/docker.sock; otherwise off]
    ///
    /// Networks with driver overlay are weft's there; everything else goes on to the engine. Who may use the
    /// engine's socket may use this one, and is as good as root, as with Docker's own.
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = DOCKER_PROXY)]
    #[serde(deserialize_with = "proxy")]
    pub(super) docker_proxy: Option<SocketPath>,
    /// Where the agent keeps what it must remember [default: /var/lib/weft]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// How much to write on standard error [default: info]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(super) log_level: Option<Level>,
    /// How to write it [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
    /// Answer Prometheus on this address, too; its host must be a loopback one. The agent's socket always does:
    /// curl --unix-socket /run/weft/weft.sock http://localhost/metrics
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(deserialize_with = "file::parsed")]
    pub(super) metrics_listen: Option<Loopback>,
    /// The global flags of the same names.
    #[arg(skip)]
    #[serde(deserialize_with = "file::list")]
    pub(super) host: Vec<Host>,
    #[arg(skip)]
    pub(super) tlscacert: Option<PathBuf>,
    #[arg(skip)]
    pub(super) tlscert: Option<PathBuf>,
    #[arg(skip)]
    pub(super) tlskey: Option<PathBuf>,
    #[arg(skip)]
    pub(super) tlsverify: Option<bool>,
}

impl Settings {
    /// These, and the others' where these say nothing.
    pub(super) fn or(self, others: Self) -> Self {
        let pools = if self.default_address_pool.is_empty() { &others } else { &self };
        Self {
            default_address_pool: pools.default_address_pool.clone(),
            default_network_opt: [others.default_network_opt, self.default_network_opt].concat(),
            // The last of several options of one name counts.
            cluster_store_opt: [others.cluster_store_opt, self.cluster_store_opt].concat(),
            cluster_store: self.cluster_store.or(others.cluster_store),
            cluster_advertise: self.cluster_advertise.or(others.cluster_advertise),
            outside_address: self.outside_address.or(others.outside_address),
            store_rebuild: self.store_rebuild.or(others.store_rebuild),
            store_serve: if self.store_serve.is_empty() { others.store_serve } else { self.store_serve },
            node_name: self.node_name.or(others.node_name),
            vxlan_port: self.vxlan_port.or(others.vxlan_port),
            tunnel_port: self.tunnel_port.or(others.tunnel_port),
            behind_nat: self.behind_nat || others.behind_nat,
            trust: self.trust.or(others.trust),
            peer_port: self.peer_port.or(others.peer_port),
            node_expiry: self.node_expiry.or(others.node_expiry),
            docker_socket: self.docker_socket.or(others.docker_socket),
            docker_proxy: self.docker_proxy.or(others.docker_proxy),
            data_dir: self.data_dir.or(others.data_dir),
            log_level: self.log_level.or(others.log_level),
            log_format: self.log_format.or(others.log_format),
            metrics_listen: self.metrics_listen.or(others.metrics_listen),
            host: if self.host.is_empty() { others.host } else { self.host },
            tlscacert: self.tlscacert.or(others.tlscacert),
            tlscert: self.tlscert.or(others.tlscert),
            tlskey: self.tlskey.or(others.tlskey),
            tlsverify: self.tlsverify.or(others.tlsverify),
        }
    }

    /// Takes over what the global flags say.
    pub(super) fn at(&mut self, place: Place) {
        let TlsFlags { tlscacert, tlscert, tlskey, tlsverify } = place.tls;
        self.host = place.host;
        (self.tlscacert, self.tlscert, self.tlskey) = (tlscacert, tlscert, tlskey);
        self.tlsverify = tlsverify.then_some(true);
    }

    /// The files for TLS.
    ///
    /// # Errors
    /// If it is not to be used.
    pub(super) fn tls(&self) -> anyhow::Result<TlsFlags> {
        if self.tlsverify == Some(false) {
            bail!("tlsverify = false: other hosts are answered by TLS and with certificates, or not at all");
        }
        let (tlscacert, tlscert, tlskey) =
            (self.tlscacert.clone(), self.tlscert.clone(), self.tlskey.clone());
        Ok(TlsFlags { tlscacert, tlscert, tlskey, tlsverify: true })
    }
}

/// Whether to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Switch {
    /// Do it.
    On,
    /// Leave it.
    Off,
}

/// Who is believed where hosts are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Believed {
    /// Each host alone.
    Signed,
    /// The store.
    #[default]
    Store,
}

impl Believed {
    /// The same, for the agent.
    pub(super) fn get(self) -> Trust {
        match self {
            Self::Signed => Trust::Signed,
            Self::Store => Trust::Store,
        }
    }
}

fn proxy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketPath>, D::Error> {
    file::place(DOCKER_PROXY, deserializer)
}

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DockerSocketOption {
    /// Nowhere.
    None,
    /// There.
    At(SocketPath),
}

/// An absolute path of a socket, also as DOCKER_HOST has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SocketPath(PathBuf);

impl DockerSocketOption {
    /// The engine there, if there is to be one, with `proxy` before it.
    ///
    /// # Errors
    /// If there is nothing for `proxy` to stand before, or this program was built without it.
    pub(super) fn engine(self, proxy: Option<SocketPath>) -> anyhow::Result<Option<DockerConfig>> {
        match (self, proxy) {
            (Self::None, None) => Ok(None),
            (Self::None, Some(_)) => bail!("--docker-proxy needs an engine: leave out --docker-socket=none"),
            (Self::At(socket), Some(proxy)) if socket.is_as(&proxy) => {
                bail!("--docker-proxy={} is the engine's own socket: give another path", proxy.0.display())
            }
            (Self::At(socket), proxy) => Ok(Some(DockerConfig::new(socket.0, proxy.map(|path| path.0))?)),
        }
    }
}

impl Default for DockerSocketOption {
    fn default() -> Self {
        Self::At(SocketPath("/var/run/docker.sock".into()))
    }
}

impl FromStr for DockerSocketOption {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        text.parse().map(Self::At).map_err(|error: String| error + ", or none")
    }
}

impl FromStr for SocketPath {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Self(path.into()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(format!("{shown:?} is not an absolute path of a socket, as /run/weft/docker.sock"))
    }
}

impl SocketPath {
    /// Whether both are the same place: /var/run is often /run.
    fn is_as(&self, other: &Self) -> bool {
        let place = |path: &Self| {
            let directory = path.0.parent().map(|parent| parent.canonicalize().unwrap_or(parent.to_owned()));
            (directory, path.0.file_name().map(ToOwned::to_owned))
        };
        place(self) == place(other)
    }
}

/// A span of time as people write it: `90s`, `30m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(super) Duration);

impl Span {
    /// How long it is.
    pub(crate) fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        span.filter(|span| !span.is_zero()).map(Self).ok_or_else(|| {
            format!("{:?} is no span of time: write 30m or 2h", text.chars().take(40).collect::<String>())
        })
    }
}
