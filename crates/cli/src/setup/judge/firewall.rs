//! What packet filters do to weft's packets.

use super::as_root;
use crate::setup::{
    facts::{Facts, Underlay},
    filter::{Filter, Hook, Obstacle, Packet, Place, Tool},
    finding::{CommandLine, Finding, Mend},
};
use std::net::IpAddr;

/// The interfaces that packets leave weft's networks by (`IfName::uplink`).
const UPLINKS: &str = "weft-";
/// Where rules are kept.
const NFTABLES: &str = "write the same into /etc/nftables.conf";
const IPTABLES: &str = "keep it as this host keeps its rules, with iptables-persistent for one";

/// What hosts send each other; and the ways of those of weft's containers that are not Docker's.
pub(in crate::setup) fn firewall(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "firewall";
    match &facts.filter {
        Ok(filter) => {
            let between = Between::of(facts, filter);
            let ports = ports(facts).into_iter().map(|port| between.judge(&port));
            ports.chain([others(facts.underlay.as_ref(), filter, &[true, false])]).collect()
        }
        Err(why) => vec![Finding::warning(CHECK, format!("the rules cannot be read: {why}"), as_root(facts))],
    }
}

/// A UDP port that the hosts send to.
struct Port {
    check: &'static str,
    number: u16,
    /// What does not work where it is closed.
    lost: &'static str,
}

fn vxlan(number: u16) -> Port {
    Port { check: "vxlan", number, lost: "nothing on the other hosts can be reached" }
}

/// That of VXLAN; and that of the tunnels, where a network needs them.
fn ports(facts: &Facts) -> Vec<Port> {
    let Some(agent) = facts.agent.here() else { return vec![vxlan(4789)] };
    let tunnel = agent.status.tunnel_port.filter(|_| agent.encrypts).map(|number| Port {
        check: "tunnel",
        number,
        lost: "on encrypted networks nothing on the other hosts can be reached",
    });
    [Some(vxlan(agent.status.vxlan_port)), tunnel].into_iter().flatten().collect()
}

/// What the packets of hosts to each other meet on this one.
pub(in crate::setup) struct Between<'f> {
    pub(in crate::setup) underlay: Option<&'f Underlay>,
    pub(in crate::setup) filter: &'f Filter,
    /// The zone that firewalld has the underlay in.
    pub(in crate::setup) zone: Option<&'f str>,
    /// Where the other nodes are; none: anywhere.
    pub(in crate::setup) peers: Vec<IpAddr>,
}

impl<'f> Between<'f> {
    fn of(facts: &'f Facts, filter: &'f Filter) -> Self {
        let peers = facts.agent.here().map(|agent| agent.peers.clone()).unwrap_or_default();
        Self { underlay: facts.underlay.as_ref(), filter, zone: facts.firewalld_zone.as_deref(), peers }
    }

    /// What it does to VXLAN packets to this port.
    pub(in crate::setup) fn vxlan(&self, number: u16) -> Finding {
        self.judge(&vxlan(number))
    }

    fn judge(&self, port: &Port) -> Finding {
        let Port { check, number, lost } = port;
        let obstacles = self.obstacles(port);
        let certain = places(&obstacles, true);
        if !certain.is_empty() {
            let what = format!("{} drops {number}/udp: {lost}", names(&certain));
            return Finding::missing(check, what, mends(&certain, |place| self.open(place, *number)));
        }
        let perhaps = places(&obstacles, false);
        if !perhaps.is_empty() {
            let what = format!(
                "{} drops {number}/udp, unless a rule before it is for the other hosts",
                names(&perhaps)
            );
            return Finding::warning(check, what, mends(&perhaps, |place| self.open(place, *number)));
        }
        Finding::ok(
            check,
            format!("{number}/udp is open to the other hosts, as far as this one is concerned"),
        )
    }

    /// Packets of this node or to it, from one peer, or to it.
    fn packet(&self, port: &Port, peer: Option<IpAddr>) -> Packet<'f> {
        let interface = self.underlay.map(|underlay| underlay.interface.as_str());
        let own = self.underlay.map(|underlay| underlay.address);
        Packet {
            ipv4: own.or(peer).is_none_or(|address| address.is_ipv4()),
            protocol: "udp",
            port: port.number,
            from_interface: interface,
            to_interface: interface,
            source: peer,
            destination: own,
            destination_kind: "local",
            // weft has them left untracked, once it has networks here.
            states: &["new", "untracked"],
            translated: false,
        }
    }

    /// What drops packets from any of the other nodes, or to it.
    fn obstacles(&self, port: &Port) -> Vec<Obstacle> {
        let peers = self.peers.iter().copied().map(Some);
        let anywhere = self.peers.is_empty().then_some(None);
        let of_peer = |peer: Option<IpAddr>| {
            let arriving = self.packet(port, peer);
            let source = arriving.destination;
            let leaving =
                Packet { source, destination: peer, destination_kind: "unicast", ..arriving.clone() };
            let mut obstacles = self.filter.obstacles(&[Hook::Prerouting, Hook::Input], &arriving);
            obstacles.extend(self.filter.obstacles(&[Hook::Output, Hook::Postrouting], &leaving));
            obstacles
        };
        peers.chain(anywhere).flat_map(of_peer).collect()
    }

    /// How to let packets to a UDP port through, in the tool that manages the rules.
    fn open(&self, place: &Place, port: u16) -> Vec<Mend> {
        let interface = self.underlay.map(|Underlay { interface, .. }| interface.as_str());
        match manager(self.filter, place) {
            Manager::Firewalld => {
                let zone = self.zone.map(|zone| format!(" --zone={zone}")).unwrap_or_default();
                vec![
                    Mend::command(&format!("firewall-cmd{zone} --add-port={port}/udp")),
                    Mend::command(&format!("firewall-cmd --permanent{zone} --add-port={port}/udp")),
                ]
            }
            Manager::Ufw => {
                let way = if outward(place) { "out" } else { "in" };
                let on = interface.map(|name| format!(" on {name}")).unwrap_or_default();
                vec![Mend::command(&format!("ufw allow {way}{on} to any port {port} proto udp"))]
            }
            Manager::Nobody if place.tool == Tool::Nft => {
                let way = if outward(place) { "oifname" } else { "iifname" };
                let on = interface.map(|name| format!("{way} \"{name}\" ")).unwrap_or_default();
                vec![insert(place, &format!("{on}udp dport {port} accept")), keep(NFTABLES)]
            }
            Manager::Nobody => {
                let way = if outward(place) { "-o" } else { "-i" };
                let on = interface.map(|name| format!(" {way} {name}")).unwrap_or_default();
                let (program, base) = (place.tool.program(), &place.base);
                let table =
                    if place.table == "filter" { String::new() } else { format!(" -t {}", place.table) };
                let rule = format!("{program}{table} -I {base}{on} -p udp --dport {port} -j ACCEPT");
                vec![Mend::command(&rule), keep(IPTABLES)]
            }
        }
    }
}

/// What weft's own containers send out, and what is published of theirs. Docker's are not concerned: their way
/// out is the engine's own. Of those families that are asked for: IPv4 if true.
pub(in crate::setup) fn others(underlay: Option<&Underlay>, filter: &Filter, families: &[bool]) -> Finding {
    const CHECK: &str = "forward";
    let obstacles: Vec<Obstacle> =
        families.iter().flat_map(|&ipv4| forwarding_obstacles(underlay, filter, ipv4)).collect();
    let places = places(&obstacles, true);
    if places.is_empty() {
        return Finding::ok(CHECK, "what weft forwards for containers that are not Docker's passes");
    }
    Finding::warning(
        CHECK,
        format!(
            "{} drops what containers that are not Docker's (weft run, weft attach) send out or publish",
            names(&places)
        ),
        mends(&places, |place| forward(filter, place)),
    )
}

/// What drops packets that a container of weft's own sends out, or gets from outside.
fn forwarding_obstacles(underlay: Option<&Underlay>, filter: &Filter, ipv4: bool) -> Vec<Obstacle> {
    let outside = underlay.map_or("eth0", |underlay| underlay.interface.as_str());
    let uplink = format!("{UPLINKS}256");
    let out = Packet {
        ipv4,
        protocol: "tcp",
        port: 443,
        from_interface: Some(&uplink),
        to_interface: Some(outside),
        source: None,
        destination: None,
        destination_kind: "unicast",
        states: &["new"],
        translated: false,
    };
    let back = Packet {
        from_interface: Some(outside),
        to_interface: Some(&uplink),
        states: &["established"],
        ..out.clone()
    };
    let published = Packet { states: &["new"], translated: true, ..back.clone() };
    let hooks = [Hook::Forward, Hook::Postrouting];
    [out, back, published].iter().flat_map(|packet| filter.obstacles(&hooks, packet)).collect()
}

/// How to let weft's uplinks through. Which packets may take them is up to weft's own rules.
fn forward(filter: &Filter, place: &Place) -> Vec<Mend> {
    const USER: &str = "DOCKER-USER";
    // The engine has the kernel look there before anything else that forwards.
    if place.hook == Hook::Forward && place.tool != Tool::Nft && filter.has_chain(place.tool, USER) {
        let rule =
            |way| Mend::command(&format!("{} -I {USER} {way} {UPLINKS}+ -j ACCEPT", place.tool.program()));
        return vec![rule("-i"), rule("-o"), keep(IPTABLES)];
    }
    match manager(filter, place) {
        // The zone that accepts everything would open the host itself to containers, too.
        Manager::Firewalld => vec![Mend::by_hand(format!(
            "firewall-cmd --permanent --zone=trusted --add-interface={UPLINKS}+, which lets containers reach every \
             port of this host"
        ))],
        Manager::Ufw => vec![
            Mend::command(&format!("ufw route allow in on {UPLINKS}+")),
            Mend::command(&format!("ufw route allow out on {UPLINKS}+")),
        ],
        Manager::Nobody if place.tool == Tool::Nft => vec![
            insert(place, &format!("iifname \"{UPLINKS}*\" accept")),
            insert(place, &format!("oifname \"{UPLINKS}*\" accept")),
            keep(NFTABLES),
        ],
        Manager::Nobody => {
            let (program, base) = (place.tool.program(), &place.base);
            let rule = |way| Mend::command(&format!("{program} -I {base} {way} {UPLINKS}+ -j ACCEPT"));
            vec![rule("-i"), rule("-o"), keep(IPTABLES)]
        }
    }
}

/// The tool that manages the rules, and would undo what others add.
enum Manager {
    Firewalld,
    Ufw,
    Nobody,
}

fn manager(filter: &Filter, place: &Place) -> Manager {
    // Its tables in nftables have its name; where it uses iptables, its chains do.
    if place.table == "firewalld" || filter.has_chain(place.tool, "INPUT_ZONES") {
        Manager::Firewalld
    } else if ["ufw-user-input", "ufw6-user-input"].iter().any(|chain| filter.has_chain(place.tool, chain)) {
        Manager::Ufw
    } else {
        Manager::Nobody
    }
}

fn outward(place: &Place) -> bool {
    matches!(place.hook, Hook::Output | Hook::Postrouting)
}

/// A rule before all others of the chain that the kernel enters.
fn insert(place: &Place, rule: &str) -> Mend {
    let Place { family, table, base, .. } = place;
    Mend::Command(CommandLine(vec!["nft".to_owned(), format!("insert rule {family} {table} {base} {rule}")]))
}

/// Rules are gone with the next start of the host, where nobody keeps them.
fn keep(place: &str) -> Mend {
    Mend::by_hand(format!("until the next start of this host: for good, {place}"))
}

/// The places, each once, of those obstacles that are certain, or of those that are not.
fn places(obstacles: &[Obstacle], certain: bool) -> Vec<&Place> {
    let mut places = Vec::new();
    for Obstacle { place, .. } in obstacles.iter().filter(|obstacle| obstacle.certain == certain) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// What mends all of them, each once.
fn mends(places: &[&Place], of: impl Fn(&Place) -> Vec<Mend>) -> Vec<Mend> {
    let mut mends = Vec::new();
    for mend in places.iter().flat_map(|place| of(place)) {
        if !mends.contains(&mend) {
            mends.push(mend);
        }
    }
    mends
}

/// `the chain INPUT of iptables`
fn names(places: &[&Place]) -> String {
    let name = |place: &&Place| match place.tool {
        Tool::Nft => format!("the chain {} of nftables' table {} {}", place.chain, place.family, place.table),
        tool => format!("the chain {} of {}", place.chain, tool.program()),
    };
    places.iter().map(name).collect::<Vec<_>>().join(", and ")
}
