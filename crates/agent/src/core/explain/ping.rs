//! One packet to a host or a container, and how long the answer took.

use super::{
    Explainer,
    pair::{Pair, beside, pair},
    tried::address_for,
};
use crate::{host::smallest_echo, paths::Echo};
use rustix::io::Errno;
use std::{io::ErrorKind, net::IpAddr};
use weft_model::{Node, NodeName, chain};
use weft_state::{cluster::Cluster, journal::LocalEndpoint};
use weft_verbs::{EndpointView, Error, Kind, Ping, Pinged, PingedPlace};

/// How large the packet is to a container, in bytes, if nobody says: as `ping` has it.
const USUAL: u16 = 84;

impl Explainer {
    /// Sends one packet: to a host the way that containers' packets go, to a container from one of this host.
    pub(crate) async fn ping(&self, ping: Ping) -> Result<Pinged, Error> {
        let me = self.access.node();
        if ping.to == me.as_str() && ping.from.is_none() {
            return Err(Error::invalid(format!("{me} is this host itself")));
        }
        let (address, given) = (ping.to.parse::<IpAddr>().ok(), ping.to.as_str());
        let node = |cluster: &Cluster| -> Result<Option<(NodeName, Node)>, Error> {
            let is = |name: &NodeName, node: &Node| {
                name.as_str().eq_ignore_ascii_case(given)
                    || address.is_some_and(|address| [node.vtep, node.advertise].contains(&address))
            };
            let found = cluster.nodes.iter().find(|(name, node)| *name != me && is(name, node));
            Ok(found.map(|(name, node)| (name.clone(), Node::clone(node))))
        };
        match (self.access.look_up(node).await?, &ping.from) {
            (Some((name, node)), None) => self.ping_node(name, &node, ping.size).await,
            (Some((name, _)), Some(_)) if address.is_none() => Err(Error::invalid(format!(
                "{name} is a host, which is sent to by this host's agent: leave --from out"
            ))),
            _ => self.ping_endpoint(&ping).await.map_err(|error| match error.kind {
                Kind::NotFound if ping.from.is_none() => {
                    let what = format!(
                        "{given} is no other host (`weft node ls`), and nothing on a network is called so"
                    );
                    Error::new(Kind::NotFound, format!("{what} (`weft endpoint ls`)"))
                }
                _ => error,
            }),
        }
    }

    async fn ping_node(&self, name: NodeName, node: &Node, size: Option<u16>) -> Result<Pinged, Error> {
        if !self.access.known().is_up(&name) {
            return Err(Error::conflict(format!(
                "no packet was sent to host {name}: it is down (`weft node ls`)"
            )));
        }
        let sent = self.pinger.ping(node.id, size).await;
        let Echo { size, took } = sent
            .map_err(|why| Error::conflict(format!("no packet was sent to host {name}: {}", chain(&why))))?;
        Ok(Pinged { to: PingedPlace::Node { name, address: node.vtep }, size, took, why: None })
    }

    async fn ping_endpoint(&self, ping: &Ping) -> Result<Pinged, Error> {
        let from = match &ping.from {
            Some(from) => from.clone(),
            None => self.somebody_beside(&ping.to).await?,
        };
        let (me, locals) = (self.access.node(), self.endpoints.here());
        let look = |cluster: &Cluster| pair(cluster, (&locals, me), &from, &ping.to);
        let Pair { from, to, network, findings, .. } = self.access.look_up(look).await?;
        if network.is_none() {
            let why = findings.first().map_or_else(String::new, |found| found.what.clone());
            return Err(Error::conflict(why));
        }
        let Some(own) = locals.get(&from.id) else {
            let (name, node) = (&from.endpoint.name, &from.endpoint.node);
            return Err(Error::conflict(format!(
                "{name} is on host {node}: packets are sent from containers of this host only; run this there"
            )));
        };
        self.echo(own, to, ping.size.unwrap_or(USUAL)).await
    }

    async fn echo(&self, own: &LocalEndpoint, to: EndpointView, size: u16) -> Result<Pinged, Error> {
        let Some(address) = address_for(own, &to.endpoint) else {
            let (name, from) = (&to.endpoint.name, &own.endpoint.name);
            return Err(Error::conflict(format!("{name} has no address that {from} could send to")));
        };
        let size = size.max(smallest_echo(address));
        let (took, why) = match self.host.echo(&own.netns, address, size).await? {
            Ok(took) => (Some(took), None),
            Err(error) if error.kind() == ErrorKind::TimedOut => (None, None),
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                let mtu = self.rounds.mtu(&own.network_id).unwrap_or_default();
                (
                    None,
                    Some(format!(
                        "{size} bytes are more than the MTU of network {}, {mtu}",
                        own.network.name
                    )),
                )
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let from = own.endpoint.name.clone();
        let to = PingedPlace::Endpoint { name: to.endpoint.name, address, node: to.endpoint.node, from };
        Ok(Pinged { to, size, took, why })
    }

    /// The id of something of this host that is on a network of what is called so.
    async fn somebody_beside(&self, to: &str) -> Result<String, Error> {
        let (me, locals) = (self.access.node(), self.endpoints.here());
        let look = |cluster: &Cluster| beside(cluster, (&locals, me), to);
        let found = self.access.look_up(look).await?;
        found.map(|id| id.to_string()).ok_or_else(|| {
            Error::conflict(format!(
                "nothing else of this host is on a network of {to}, from which a packet could be sent: put something on it (`weft \
                 run`, `docker run`), or run this on a host that has something there"
            ))
        })
    }
}
