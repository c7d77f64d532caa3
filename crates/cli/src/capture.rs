//! `weft capture`: the packets of a container of this host.

mod pcap;

use crate::{client::Client, completion, whois::has};
use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};
use weft_api::v1;
use weft_model::{IfName, NetworkName};
use weft_netlink::{Frames, named_path, names};
use weft_plan::OwnNetns;

/// All frames, in both directions (`ETH_P_ALL`, include/uapi/linux/if_ether.h).
const ALL: u16 = 3;

/// Write the packets of a container of this host, in both directions, for tcpdump or Wireshark (as root).
///
/// As in: weft capture nginx_01 | tcpdump -nr -
///
/// They are seen where the container's interface ends in its network, before they are wrapped for other hosts, and after. What the
/// kernel handles in one piece (GSO) is one packet, and checksums that hardware would fill in are not there yet. Ends with
/// Ctrl-C, after --count, or with the container.
#[derive(Debug, clap::Args)]
pub(crate) struct Capture {
    /// The container, by its name, address or id
    #[arg(value_name = "CONTAINER", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = completion::containers_here())]
    container: String,
    /// On which of its networks
    #[arg(long, visible_alias = "net", add = completion::networks())]
    network: Option<NetworkName>,
    /// How many packets
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How much of each packet, in bytes
    #[arg(short, long, value_name = "BYTES", default_value_t = 262_144)]
    snapshot_length: u32,
    /// Into this file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
}

impl Capture {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if self.write.is_none() && io::stdout().is_terminal() {
            bail!(
                "packets are no text: `weft capture {} | tcpdump -nr -` shows them, and --write FILE keeps them",
                self.container
            );
        }
        let endpoint = self.endpoint(client).await?;
        let frames = open(&endpoint).await?;
        let mut file: Box<dyn Write> = match &self.write {
            Some(path) => {
                Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
            }
            None => Box::new(io::stdout()),
        };
        let captured = self.copy(&frames, &mut file).await?;
        eprintln!("{captured} packets captured");
        Ok(ExitCode::SUCCESS)
    }

    /// Writes packets until there is a reason to end. Returns how many there were.
    async fn copy(&self, frames: &Frames, file: &mut dyn Write) -> anyhow::Result<u64> {
        let (mut captured, mut frame) = (0, vec![0; Frames::LARGEST]);
        let mut ended = std::pin::pin!(tokio::signal::ctrl_c());
        let written = put(file, &pcap::header(self.snapshot_length))?;
        while written && self.count.is_none_or(|count| captured < count) {
            let received = tokio::select! {
                received = frames.receive(&mut frame) => received,
                _ = ended.as_mut() => break,
            };
            // The link went, and the container with it.
            let Ok(length) = received else { break };
            let bytes = frame.get(..length).unwrap_or_default();
            if !put(file, &pcap::packet(SystemTime::now(), bytes, self.snapshot_length))? {
                break;
            }
            captured += 1;
        }
        Ok(captured)
    }

    /// The endpoint of this host that is meant.
    async fn endpoint(&self, client: &Client) -> anyhow::Result<v1::Endpoint> {
        let all: Vec<v1::Endpoint> = client.get("/weft/v1/endpoints?traffic=true").await?;
        let is_on = |endpoint: &&v1::Endpoint| {
            self.network.as_ref().is_none_or(|network| endpoint.network_name == *network)
        };
        let found: Vec<_> = all.iter().filter(|one| has(one, &self.container)).filter(is_on).collect();
        let here: Vec<_> = found.iter().filter(|one| one.traffic.is_some()).collect();
        match (here.as_slice(), found.first()) {
            ([one], _) => Ok((**one).clone()),
            ([], Some(other)) => bail!("{} is on host {}: run this there", self.container, other.node),
            ([], None) => bail!("nothing that is called {} is there: see `weft endpoint ls`", self.container),
            (several, _) => {
                let networks: Vec<_> = several.iter().map(|one| one.network_name.to_string()).collect();
                bail!(
                    "{} is on several networks: say with --network which of {}",
                    self.container,
                    networks.join(", ")
                )
            }
        }
    }
}

/// A socket on the segment's end of the endpoint.
async fn open(endpoint: &v1::Endpoint) -> anyhow::Result<Frames> {
    let port = IfName::port(&endpoint.id);
    let all = names()?.into_iter().filter_map(|name| name.into_string().ok());
    for name in all.filter(|name| OwnNetns::named(name).is_some()) {
        match Frames::open(&named_path(&name), port.as_str(), ALL).await {
            Ok(frames) => return Ok(frames),
            Err(error) if Frames::is_not_there(&error) => {}
            Err(error) => return Err(error).context("cannot listen on its network (this takes root)"),
        }
    }
    bail!("{} is not in the kernel of this host: see `weft status`", endpoint.name)
}

/// Whether somebody still reads it.
fn put(file: &mut dyn Write, bytes: &[u8]) -> anyhow::Result<bool> {
    match file.write_all(bytes).and_then(|()| file.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write packets"),
    }
}
