//! This host's part of the way.

use super::{Explainer, tried::shown};
use crate::{
    core::{
        endpoints::WHY as WHY_REMOVED,
        status::{LOOK_PATIENCE, is_lasting},
    },
    host::Listener,
};
use std::{collections::BTreeSet, net::SocketAddr};
use weft_model::{
    Endpoint, Examination, ExaminedPart, Finding, NetworkName, NodeName, Protocol, ServicePort,
};
use weft_path::{Path, Reach};
use weft_state::{cluster::Cluster, journal::LocalEndpoint};
use weft_verbs::Drift;

impl Explainer {
    /// Looks at this host's part.
    pub(crate) async fn look_at(&self, asked: &Examination) -> Vec<Finding> {
        let me = self.access.node();
        let locals = self.endpoints.here();
        let Some(own) = locals.get(&asked.own).filter(|local| local.network_id == asked.network) else {
            let what = format!("endpoint {} is not on {me} any more, though the store says so", asked.own);
            return vec![Finding::problem(
                me,
                what,
                "try again in some seconds; if it stays so, `weft status`",
            )];
        };
        match asked.part {
            ExaminedPart::Tries => self.try_out(own, asked).await,
            ExaminedPart::Sends => self.part_of(own, asked).await,
            ExaminedPart::Answers => {
                let mut findings = self.part_of(own, asked).await;
                findings.extend(self.listens(own, asked.port).await);
                findings
            }
        }
    }

    async fn part_of(&self, own: &LocalEndpoint, asked: &Examination) -> Vec<Finding> {
        let me = self.access.node();
        self.rounds.look(LOOK_PATIENCE).await;
        let cluster = self.access.known();
        let mut findings = vec![self.joined(), self.attached(own, asked)];
        match cluster.endpoint_on(&asked.network, &asked.other) {
            Some(other) if other.node != *me => {
                findings.push(Some(known(me, &cluster, other)));
                findings.push(self.path(&cluster, other, own.network.is_encrypted()));
            }
            Some(_) => {}
            None => findings.push(Some(self.unknown(asked))),
        }
        findings.into_iter().flatten().collect()
    }

    /// What keeps this host out of the cluster.
    fn joined(&self) -> Option<Finding> {
        let me = self.access.node();
        let why = self.access.absence()?;
        let what =
            format!("{me} does not hear what changes in the cluster, and what is known goes on: {why}");
        Some(Finding::warning(me, what, format!("run `weft status` on {me}")))
    }

    /// Whether an endpoint of this host is as it should be.
    fn attached(&self, own: &LocalEndpoint, asked: &Examination) -> Option<Finding> {
        let (me, name, network) = (self.access.node(), &own.endpoint.name, &own.network.name);
        if let Some(why) = &own.fenced {
            let mend = match why == WHY_REMOVED {
                true => format!("connect {name} to {network} again"),
                false => {
                    format!("disconnect {name} from {network} and connect it again: it gets another address")
                }
            };
            return Some(Finding::problem(me, format!("{name} is cut off from {network}: {why}"), mend));
        }
        if !self.host.has_netns(&own.netns) {
            let what = format!("the network namespace of {name} is gone: {}", own.netns.display());
            return Some(Finding::problem(me, what, format!("start {name} again")));
        }
        let round = self.rounds.last();
        if let Some(why) = round.as_ref().and_then(|round| round.failure_of(&asked.own)) {
            let what = format!("{name} is not on {network} as it should be: {why}");
            return Some(Finding::problem(me, what, format!("run `weft status` on {me}")));
        }
        Some(self.kernel(own, network))
    }

    /// Whether the kernel has what it should of a network.
    fn kernel(&self, own: &LocalEndpoint, network: &NetworkName) -> Finding {
        let (me, name) = (self.access.node(), &own.endpoint.name);
        let Some(kernel) = self.rounds.kernel() else {
            return Finding::warning(
                me,
                "the kernel was not looked at yet",
                format!("run `weft status` on {me}"),
            );
        };
        if let Some(why) = &kernel.error {
            let what = format!("the kernel of {me} cannot be looked at: {why}");
            return Finding::warning(me, what, format!("run `weft status` on {me}"));
        }
        // What has just changed is being made so.
        let lasts = |drift: &&Drift| is_lasting(drift, self.env.now());
        let differing = [Some(own.network_id), None].map(|part| kernel.parts.get(&part).filter(lasts));
        let differing: usize = differing.into_iter().flatten().map(|drift| drift.differences.entries()).sum();
        if differing > 0 {
            let what =
                format!("the kernel of {me} has {differing} entries otherwise than it should for {network}");
            return Finding::problem(me, what, format!("run `weft plan` and `weft status` on {me}"));
        }
        let mtu = kernel.mtus.get(&own.network_id).map_or(String::new(), |mtu| format!(", MTU {mtu}"));
        let addresses: Vec<_> = own.endpoint.addresses().map(|address| address.to_string()).collect();
        Finding::ok(
            me,
            format!(
                "{name} is on {network} as it should be: {}, {}{mtu}",
                addresses.join(", "),
                own.endpoint.mac
            ),
        )
    }

    fn unknown(&self, asked: &Examination) -> Finding {
        let me = self.access.node();
        let what =
            format!("{me} does not know of endpoint {} yet: its view of the store is behind", asked.other);
        Finding::problem(me, what, format!("run `weft status` on {me}: is the store out of its reach?"))
    }

    /// The path to the host of the other endpoint, as it is measured.
    fn path(&self, cluster: &Cluster, other: &Endpoint, is_encrypted: bool) -> Option<Finding> {
        let (me, node) = (self.access.node(), &other.node);
        if !cluster.is_up(node) {
            return None;
        }
        if is_encrypted {
            return self.tunnel(cluster, node);
        }
        let paths = self.reporter.measured_paths(cluster);
        let Some(measured) = paths.into_iter().find(|path| path.node == *node) else {
            let what = format!("the path to {node} is not measured (yet)");
            return Some(Finding::warning(me, what, format!("run `weft node ls` on {me}")));
        };
        Some(match measured.trouble {
            Some(trouble) => {
                Finding::problem(me, trouble, "`weft doctor` on both hosts says what it finds in the way")
            }
            None => {
                let what = format!("packets get to {node} and back{}", figures(&measured.path));
                match measured.path.reach {
                    Reach::Both => Finding::ok(me, what),
                    _ => Finding::warning(
                        me,
                        format!("whether packets get to {node} is not known"),
                        "weft node ls",
                    ),
                }
            }
        })
    }

    /// The tunnel to a host, of which the kernel says whether it answers.
    fn tunnel(&self, cluster: &Cluster, node: &NodeName) -> Option<Finding> {
        let me = self.access.node();
        let key = cluster.nodes.get(node).and_then(|node| node.tunnel.as_ref()).map(|end| end.key)?;
        let silent = self.rounds.kernel().and_then(|kernel| kernel.silent.get(&key).copied());
        Some(match silent {
            None => Finding::ok(
                me,
                format!("the network is encrypted, and the tunnel to {node} works or is unused"),
            ),
            Some(since) => {
                let seconds = self.env.now().duration_since(since).as_secs();
                let what = format!("the tunnel to {node} has not answered for {seconds} s");
                Finding::problem(
                    me,
                    what,
                    format!(
                        "open the UDP ports of encrypted networks (51820, or `--tunnel-port`) between {me} and {node}, both ways"
                    ),
                )
            }
        })
    }

    /// Whether something of an endpoint listens on a port.
    async fn listens(&self, own: &LocalEndpoint, port: Option<ServicePort>) -> Option<Finding> {
        let (me, name, port) = (self.access.node(), &own.endpoint.name, port?);
        match self.host.listeners(&own.netns).await {
            Ok(all) => Some(listening(me, &own.endpoint, port, &all)),
            Err(error) => {
                let what = format!("what listens in {name} cannot be seen: {}", error.message);
                Some(Finding::warning(me, what, format!("run `weft status` on {me}")))
            }
        }
    }
}

/// That an endpoint of another host is known here, and where packets for it are sent.
fn known(me: &NodeName, cluster: &Cluster, other: &Endpoint) -> Finding {
    let Endpoint { name, node, mac, .. } = other;
    let Some(at) = cluster.nodes.get(node) else {
        let what =
            format!("{name} is on {node}, of which the store has no record: packets for it go nowhere");
        return Finding::problem(
            me,
            what,
            format!("run `weft status` on {node}: it writes its record again"),
        );
    };
    if !cluster.is_up(node) {
        let since =
            at.down_since.map_or(String::new(), |since| format!(" since {}", since.strftime("%F %T UTC")));
        let what =
            format!("host {node} is down{since}: its agent does not answer the store, or cannot reach it");
        return Finding::warning(
            me,
            what,
            format!("start the host {node}, or its agent: `systemctl start weft`"),
        );
    }
    Finding::ok(me, format!("packets for {name} ({mac}) are sent to {node} ({})", at.vtep))
}

/// What was measured of a path.
fn figures(path: &Path) -> String {
    let time = path.round_trip.map(|time| format!(", {}", shown(time)));
    let lost = (path.lost > 0).then(|| format!(", {:.1} % lost", f64::from(path.lost) / 10.0));
    let size = path.passes().map(|bytes| format!(", up to {bytes} bytes"));
    [time, lost, size].into_iter().flatten().collect()
}

fn listening(me: &NodeName, own: &Endpoint, port: ServicePort, all: &BTreeSet<Listener>) -> Finding {
    let name = &own.name;
    let on: Vec<_> = all.iter().filter(|(_, found)| *found == port).map(|(address, _)| *address).collect();
    // Others reach what listens on any address, or on one that it has on the network.
    let reachable =
        on.iter().find(|on| on.is_unspecified() || own.addresses().any(|address| address == **on));
    if let Some(address) = reachable {
        let at = SocketAddr::new(*address, port.port.get());
        return Finding::ok(me, format!("a program in {name} listens on {at}/{}", port.protocol));
    }
    if let Some(address) = on.first() {
        let what = format!(
            "what listens on port {port} in {name} does so on {address} alone, where others do not reach it"
        );
        return Finding::problem(me, what, format!("have the program in {name} listen on 0.0.0.0 or [::]"));
    }
    let others: BTreeSet<_> =
        all.iter().filter(|(on, _)| !on.is_loopback()).map(|(_, port)| port.to_string()).collect();
    let others: Vec<_> = others.into_iter().take(8).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!("; others listen on {}", others.join(", ")),
    };
    let what = format!("nothing in {name} listens on port {port}{others}");
    let mend = format!("start the program in {name}, or ask for the port that it has");
    // Nothing says that a program may not take datagrams in another way.
    match port.protocol {
        Protocol::Tcp => Finding::problem(me, what, mend),
        Protocol::Udp => Finding::warning(me, what, mend),
    }
}
