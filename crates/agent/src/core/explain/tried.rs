//! Packets are sent along the way, and what came of it is said.

use super::Explainer;
use crate::{
    advertise::good_for_others,
    host::{Trial, Tried},
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use weft_model::{
    CHECK_PORTS, Endpoint, Examination, Finding, NodeName, Protocol, ServicePort, is_for_check,
};
use weft_state::{cluster::Cluster, journal::LocalEndpoint};

/// How long a published port may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Where what was tried is from, and where to.
struct Ends<'a> {
    me: &'a NodeName,
    from: &'a str,
    to: &'a str,
    address: IpAddr,
    mtu: u16,
    port: Option<ServicePort>,
}

impl Explainer {
    /// Sends from the namespace of an endpoint of this host.
    pub(super) async fn try_out(&self, own: &LocalEndpoint, asked: &Examination) -> Vec<Finding> {
        let (me, locals) = (self.access.node(), self.endpoints.here());
        if !locals.contains_key(&asked.other) {
            // What has just come is known within moments.
            self.access.until(|cluster| cluster.endpoint_on(&asked.network, &asked.other).is_some()).await;
        }
        let cluster = self.access.known();
        let other = cluster.endpoint_on(&asked.network, &asked.other).map(|other| &**other);
        let Some(other) = other.or_else(|| Some(&locals.get(&asked.other)?.endpoint)) else {
            return Vec::new();
        };
        let Some(address) = address_for(own, other) else {
            let what = format!(
                "{} has no address of network {} that {} could send to",
                other.name, own.network.name, own.endpoint.name
            );
            return vec![Finding::problem(me, what, format!("weft whois {}", other.name))];
        };
        let mtu =
            [self.rounds.mtu(&asked.network), asked.size].into_iter().flatten().min().unwrap_or_default();
        let trial = Trial { to: address, mtu, port: asked.port, name: asked.name.clone() };
        let (from, to) = (own.endpoint.name.as_str(), other.name.as_str());
        let ends = Ends { me, from, to, address, mtu, port: asked.port };
        let is_for_checks = is_for_check(&own.endpoint.name) && is_for_check(&other.name);
        let port = asked.published.filter(|port| is_for_checks && CHECK_PORTS.contains(&port.get()));
        let published = self.published(&ends, &cluster, &other.node, port);
        let (tried, published) = tokio::join!(self.host.try_out(&own.netns, trial), published);
        match tried {
            Ok(Some(tried)) => {
                let name = asked.name.as_deref().and_then(|name| wrongly_told(&ends, name, &tried));
                name.into_iter().chain(said(&ends, &tried)).chain(published).collect()
            }
            Ok(None) => Vec::new(),
            Err(error) => vec![Finding::warning(
                me,
                format!("nothing could be sent from {from}: {}", error.message),
                format!("run `weft status` on {me}"),
            )],
        }
    }

    /// Whether a port of the other's host leads there, from this host.
    async fn published(
        &self,
        ends: &Ends<'_>,
        cluster: &Cluster,
        node: &NodeName,
        port: Option<NonZeroU16>,
    ) -> Option<Finding> {
        let Ends { me, to, .. } = ends;
        let at = SocketAddr::new(cluster.nodes.get(node)?.advertise, port?.get());
        if good_for_others(at.ip()).is_err() || at.ip() == self.host.underlay().borrow().address {
            return None;
        }
        let connected = timeout(WITHIN, TcpStream::connect(at)).await;
        Some(match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(_) => Finding::ok(me, format!("port {at} leads to {to}")),
            // Whether ports are open between hosts is up to who publishes one.
            Err(error) => Finding::warning(
                me,
                format!("port {at}, which {to} is published on, is not reached from {me}: {}", why(&error)),
                format!(
                    "if ports that are published on {node} should be reached from {me}: open them (a security group, a packet \
                     filter: `weft doctor` on {node})"
                ),
            ),
        })
    }
}

/// Where `own` sends to that is for `other`: both have an address of that family.
pub(super) fn address_for(own: &LocalEndpoint, other: &Endpoint) -> Option<IpAddr> {
    let has = |family: &IpAddr| own.endpoint.addresses().any(|one| one.is_ipv4() == family.is_ipv4());
    // Of the network, whatever the store says that somebody has.
    let of_network = |address: &IpAddr| own.network.subnet_of(*address).is_some();
    other.addresses().filter(of_network).find(has)
}

/// That a container is not told what it should.
fn wrongly_told(ends: &Ends<'_>, name: &str, tried: &Tried) -> Option<Finding> {
    let Ends { me, from, address, .. } = ends;
    let what = match tried.told.as_ref()? {
        Ok(told) if told.contains(address) => return None,
        Ok(told) if told.is_empty() => format!("the name server of {from} tells it no address for {name}"),
        Ok(told) => {
            let told: Vec<_> = told.iter().map(ToString::to_string).collect();
            format!("the name server of {from} tells it {} for {name}, and not {address}", told.join(", "))
        }
        Err(error) => {
            format!("the name server of {from} on 127.0.0.11 does not answer for {name}: {}", why(error))
        }
    };
    Some(Finding::problem(me, what, format!("weft resolve {name} --as {from}, and `weft status` on {me}")))
}

fn said(ends: &Ends<'_>, tried: &Tried) -> Vec<Finding> {
    let Ends { me, from, to, address, mtu, port } = ends;
    let connects = matches!(tried.connection, Some(Ok(())));
    let inside = format!(
        "where all before this is well, look for a packet filter in {to} or {from} (`nft list ruleset` in their network \
         namespaces), or on the two hosts"
    );
    let mut findings = Vec::new();
    findings.push(match (&tried.small, &tried.large) {
        // One of the small ones may be lost where a large one is answered.
        (Ok(time), Ok(_)) | (Err(_), Ok(time)) => Finding::ok(
            me,
            format!("{from} pings {to} ({address}): {}, packets of up to {mtu} bytes", shown(*time)),
        ),
        (Ok(time), Err(error)) => Finding::problem(
            me,
            format!(
                "{from} pings {to} ({address}) with small packets ({}), and not with {mtu} bytes: {}",
                shown(*time),
                why(error)
            ),
            "see the MTU of the hosts' devices and routes, and PATH in `weft node ls`",
        ),
        (Err(error), _) if connects => Finding::warning(
            me,
            format!(
                "{to} ({address}) does not answer pings from {from} ({}), while connections pass",
                why(error)
            ),
            format!("a packet filter in {to} drops pings, if that is not meant so"),
        ),
        (Err(error), _) => Finding::problem(
            me,
            format!("{to} ({address}) does not answer pings from {from}: {}", why(error)),
            match port {
                Some(_) => inside.clone(),
                None => format!("{inside}; if it is pings alone that are dropped, ask with --port"),
            },
        ),
    });
    findings.extend(tried.connection.as_ref().and_then(|connection| connected(ends, connection, inside)));
    if let Some(port) = port.filter(|port| port.protocol == Protocol::Udp) {
        let what =
            format!("no datagram was sent to port {port} of {to}: what a program there answers is not known");
        findings.push(Finding::warning(
            me,
            what,
            format!("ask it from {from} with a program that speaks to it"),
        ));
    }
    findings
}

/// Whether a connection was made.
fn connected(ends: &Ends<'_>, connection: &io::Result<()>, inside: String) -> Option<Finding> {
    let Ends { me, from, to, port, .. } = ends;
    let port = port.as_ref()?;
    Some(match connection {
        Ok(()) => Finding::ok(me, format!("{from} connects to {to} on port {port}")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Finding::problem(
            me,
            format!("{to} refuses connections from {from} on port {port}"),
            format!("start the program in {to} that listens there, or look for a packet filter that rejects"),
        ),
        Err(error) => Finding::problem(
            me,
            format!("{from} cannot connect to {to} on port {port}: {}", why(error)),
            inside,
        ),
    })
}

/// A time as people read it.
pub(super) fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "nothing comes back".to_owned(),
        io::ErrorKind::PermissionDenied => "a packet filter there forbids to send it".to_owned(),
        io::ErrorKind::HostUnreachable => "nobody says that the address is its own".to_owned(),
        _ => error.to_string(),
    }
}
