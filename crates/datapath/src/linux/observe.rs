//! From the kernel to [`Observed`].

use super::{
    carriers::{Carriers, Numbers},
    links::{KnownLinks, links},
    mark, netfilter, sysctl, tunnel, unreadable,
};
use crate::{DatapathError, Part};
use ipnet::IpNet;
use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};
use weft_model::{IfName, Vni, chain};
use weft_netlink::{
    Address, Forward, NamespaceError, Neighbour, NetlinkError, PROTOCOL, Socket, fuzzed::Heard,
};
use weft_plan::{Far, Fdb, Kind, Namespace, Neighbours, Netns, Observed, OwnNetns, Route, Target, gathered};

/// Reads everything of ours, and what `target` needs to know of others'; or a part of it. If changes are to be `told_of`,
/// each namespace of ours, and of our containers, gets a number here. Leaves the calling thread in another network
/// namespace.
pub(crate) fn observe(
    target: &Target,
    part: Option<&Part>,
    told_of: bool,
) -> Result<Observed, DatapathError> {
    let nothing = Namespace::default();
    let mut observed = Observed::default();
    let is_asked = |netns: &Netns| match part {
        Some(Part::Namespaces(only)) => only.contains(netns),
        Some(Part::Links) | None => true,
    };
    let with_entries = part != Some(&Part::Links);
    let carriers = Carriers::now().map_err(inaccessible)?;
    let mark = weft_netlink::Namespace::current().and_then(|host| mark(&host)).map_err(inaccessible)?;
    let here = || Socket::open().map_err(unreadable("the host's network"));
    let mut here = told_of.then(here).transpose()?;
    if is_asked(&Netns::Host) {
        let want = target.namespaces.get(&Netns::Host).unwrap_or(&nothing);
        let host = read(&Netns::Host, want, true, &carriers).map_err(unreadable("the host's network"))?;
        observed.namespaces.insert(Netns::Host, host);
        observed.ruleset = netfilter::observe().map_err(unreadable("nftables"))?;
    }

    for (own, name) in own_namespaces().map_err(inaccessible)? {
        let netns = Netns::from(own);
        if !is_asked(&netns) {
            continue;
        }
        let want = target.namespaces.get(&netns);
        match enter_own(own, &mark, here.as_mut()) {
            Ok(true) => match read(&netns, want.unwrap_or(&nothing), with_entries, &carriers) {
                Ok(namespace) => drop(observed.namespaces.insert(netns, namespace)),
                Err(error) => drop(observed.blocked.insert(netns, unreadable_segment(&name, &error))),
            },
            // Not there, or the empty file that a crash left. One that nothing wants is to be deleted.
            Ok(false) if want.is_none() => {
                observed.namespaces.insert(netns, Namespace::default());
            }
            Ok(false) => {}
            Err(why) => {
                observed.blocked.insert(netns, why);
            }
        }
    }
    for (netns, want) in &target.namespaces {
        let Netns::Container(path) = netns else { continue };
        if is_asked(netns) {
            let entered = enter_container(path, here.as_mut());
            container(netns, entered, (want, &carriers), &mut observed);
        }
    }
    Ok(observed)
}

/// Gives a namespace a number in the one that `here` is of, if there is one: without a number, nothing would be told of
/// it there.
fn number(namespace: &weft_netlink::Namespace, here: Option<&mut Socket>) {
    if let Some(Err(error)) = here.map(|here| here.namespace_id(namespace)) {
        tracing::debug!(error = chain(&error), "changes in a namespace are not told of");
    }
}

/// Enters the namespace of a container.
fn enter_container(path: &Path, here: Option<&mut Socket>) -> Result<(), NamespaceError> {
    let namespace = weft_netlink::Namespace::open(path)?;
    number(&namespace, here);
    namespace.enter()
}

/// Reads the namespace of a container. One that is gone shows as nothing.
fn container(
    netns: &Netns,
    entered: Result<(), NamespaceError>,
    (want, carriers): (&Namespace, &Carriers),
    observed: &mut Observed,
) {
    let why = match entered {
        Ok(()) => match read(netns, want, true, carriers) {
            Ok(namespace) => {
                observed.namespaces.insert(netns.clone(), namespace);
                return;
            }
            Err(error) => format!("cannot read {netns}: {}", chain(&error)),
        },
        Err(error) if error.is_gone() => return,
        Err(error) => chain(&error),
    };
    observed.blocked.insert(netns.clone(), why);
}

fn inaccessible(error: NamespaceError) -> DatapathError {
    DatapathError::Namespace(error.into())
}

/// The namespaces that have names of ours.
fn own_namespaces() -> Result<Vec<(OwnNetns, String)>, NamespaceError> {
    let names = weft_netlink::names()?.into_iter().filter_map(|name| name.into_string().ok());
    Ok(names.filter_map(|name| Some((OwnNetns::named(&name)?, name))).collect())
}

/// Enters a namespace of ours. Says whether there is one, not only an empty file; and why, if it must be left alone. One
/// that is not ours gets no number: it would show in `ip netns`.
fn enter_own(own: OwnNetns, ours: &str, here: Option<&mut Socket>) -> Result<bool, String> {
    let name = own.to_string();
    let name = name.as_str();
    let entered = weft_netlink::Namespace::open(weft_netlink::named_path(name))
        .and_then(|namespace| namespace.enter().map(|()| namespace));
    let namespace = match entered {
        Ok(namespace) => namespace,
        Err(error) if error.is_gone() => return Ok(false),
        Err(error) => return Err(chain(&error)),
    };
    let loopback = || Socket::open()?.links().map(|links| links.into_iter().find(|link| link.name == "lo"));
    let loopback = loopback().map_err(|error| unreadable_segment(name, &error))?;
    if loopback.and_then(|lo| lo.alias).as_deref() != Some(ours) {
        let or = match own {
            OwnNetns::Segment(Vni::PROBES) => ": until then paths to other hosts are not measured",
            OwnNetns::Segment(_) => ", or give the network another VNI (`-o vni=`)",
            OwnNetns::Tunnel => ": until then no encrypted network works here",
        };
        return Err(format!(
            "there is a network namespace {name} that this agent did not make: delete it (`ip netns delete {name}`){or}"
        ));
    }
    number(&namespace, here);
    Ok(true)
}

fn unreadable_segment(name: &str, error: &NetlinkError) -> String {
    format!("cannot read network namespace {name}: {}", chain(error))
}

/// Reads the namespace that the calling thread is in; of a segment's the many entries only if asked to.
fn read(
    netns: &Netns,
    want: &Namespace,
    with_entries: bool,
    carriers: &Carriers,
) -> Result<Namespace, NetlinkError> {
    let mut socket = Socket::open()?;
    let found = socket.links()?;
    let far_ends = far_ends(want, &found, &mut socket);
    let numbers = carriers.numbers(&mut socket, &found);
    let (mut namespace, known) = links(netns, want, found, numbers);
    for (name, far) in far_ends {
        namespace.links.entry(name).and_modify(|link| link.far = Some(far));
    }
    if *netns == Netns::Tunnel {
        tunnels(&mut namespace, &known, want)?;
    }
    addresses(&mut namespace, &known, want, socket.addresses()?);
    if matches!(netns, Netns::Segment(_)) && with_entries {
        forwards(&mut namespace, &known, want, socket.forwards()?);
    }
    // In a container they are its own business.
    if !matches!(netns, Netns::Container(_)) && with_entries && !known.ours.is_empty() {
        neighbours(&mut namespace, &known, want, socket.neighbours()?);
    }
    routes(&mut namespace, &known, socket.routes(Some(PROTOCOL))?);
    foreign_routes(&mut namespace, &known, want, &mut socket)?;
    for key in want.sysctls.keys() {
        namespace.sysctls.extend(sysctl::read(key).map(|value| (key.clone(), value)));
    }
    // A kernel that knows of no such rules says what it lacks when they are to be set.
    namespace.gate = want.gate && netfilter::GATE.is_there().unwrap_or(false);
    Ok(namespace)
}

/// The ends that engines have. One that is not where it is said to be, not yet or no more, is nobody's business.
fn far_ends(want: &Namespace, found: &[weft_netlink::Link], socket: &mut Socket) -> Vec<(IfName, Far)> {
    let far_end = |link: &weft_netlink::Link| {
        let (name, below) = (link.name.parse::<IfName>().ok()?, link.below?);
        let netns = &want.links.get(&name)?.far.as_ref()?.netns;
        let there = weft_netlink::Namespace::open(netns).ok()?;
        let is_there = socket.namespace_id(&there).ok()? == below.namespace;
        let far = socket.link_elsewhere(below).ok()?.filter(|_| is_there)?;
        Some((name, Far { netns: netns.clone(), mtu: far.mtu }))
    };
    found.iter().filter_map(far_end).collect()
}

/// The namespace that the kernel's answers describe.
pub(crate) fn interpret(netns: &Netns, want: &Namespace, heard: Heard) -> Namespace {
    let (mut namespace, known) = links(netns, want, heard.links, Numbers::default());
    addresses(&mut namespace, &known, want, heard.addresses);
    forwards(&mut namespace, &known, want, heard.forwards);
    neighbours(&mut namespace, &known, want, heard.neighbours);
    routes(&mut namespace, &known, heard.routes);
    namespace
}

/// What the device of the tunnels is set to.
fn tunnels(namespace: &mut Namespace, known: &KnownLinks, want: &Namespace) -> Result<(), NetlinkError> {
    for (index, name) in &known.ours {
        let link = namespace.links.get_mut(name).filter(|link| link.kind == Kind::WireGuard);
        if let Some(link) = link {
            tunnel::observe(*index, link, want.links.get(name))?;
        }
    }
    Ok(())
}

fn addresses(namespace: &mut Namespace, known: &KnownLinks, want: &Namespace, found: Vec<Address>) {
    for address in found {
        let Some(name) = known.ours.get(&address.link) else { continue };
        let wanted = want.links.get(name).is_some_and(|link| link.addresses.contains(&address.net));
        if (wanted || !is_link_local(&address.net))
            && let Some(link) = namespace.links.get_mut(name)
        {
            link.addresses.insert(address.net);
        }
    }
}

/// The kernel gives IPv6 links such an address by itself.
fn is_link_local(net: &IpNet) -> bool {
    matches!(net.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn forwards(namespace: &mut Namespace, known: &KnownLinks, want: &Namespace, found: Vec<Forward>) {
    let mut fdbs: HashMap<u32, Vec<_>> = HashMap::new();
    for entry in found {
        let Some(link) = known.of(namespace, entry.link) else { continue };
        match entry.vtep {
            Some(vtep) => fdbs.entry(entry.link).or_default().push((entry.mac, vtep)),
            // Other addresses of its own come and go with ports.
            None if entry.own => {
                if link.kind == Kind::Bridge && link.mac == Some(entry.mac) {
                    link.local_fdb.insert(entry.mac);
                }
            }
            None => {
                link.local_fdb.insert(entry.mac);
            }
        }
    }
    for (index, found) in fdbs {
        known.fill(namespace, want, index, |link, want| {
            link.fdb = Fdb::gathered(found, want.map_or(&Fdb::default(), |want| &want.fdb));
        });
    }
}

fn neighbours(namespace: &mut Namespace, known: &KnownLinks, want: &Namespace, found: Vec<Neighbour>) {
    let mut tables: HashMap<u32, Vec<_>> = HashMap::new();
    for entry in found {
        tables.entry(entry.link).or_default().push((entry.ip, entry.mac));
    }
    for (index, found) in tables {
        known.fill(namespace, want, index, |link, want| {
            link.neighbours = gathered(found, want.map_or(&Neighbours::new(), |want| &want.neighbours));
        });
    }
}

fn routes(namespace: &mut Namespace, known: &KnownLinks, found: Vec<weft_netlink::Route>) {
    for route in found {
        let dev = known.name(&route).and_then(|name| name.parse().ok());
        if let (Some(dev), Some(via)) = (dev, route.via) {
            namespace.routes.insert(Route { to: route.to, via, dev, onlink: route.onlink });
        }
    }
}

/// Asks for the routes of others that stand where ones of ours are missing.
fn foreign_routes(
    namespace: &mut Namespace,
    known: &KnownLinks,
    want: &Namespace,
    socket: &mut Socket,
) -> Result<(), NetlinkError> {
    let missing: BTreeSet<IpNet> = want.routes.difference(&namespace.routes).map(|route| route.to).collect();
    for to in missing {
        if let Some(route) = socket.route_to(inside(&to))?
            && route.to == to
            && route.protocol != PROTOCOL
        {
            let other = if route.link.is_some() { "another link" } else { "several links or none" };
            let name = known.name(&route).cloned().unwrap_or_else(|| other.to_owned());
            namespace.foreign_routes.insert(to, name);
        }
    }
    Ok(())
}

/// An address that `to` leads to, and no narrower route is likely to.
fn inside(to: &IpNet) -> IpAddr {
    match to {
        // Documentation's own (RFC 5737, RFC 3849).
        IpNet::V4(net) if net.prefix_len() == 0 => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpNet::V6(net) if net.prefix_len() == 0 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        // Not the first address of a subnet, which can have a broadcast route of its own.
        _ => to.hosts().next().unwrap_or_else(|| to.addr()),
    }
}
