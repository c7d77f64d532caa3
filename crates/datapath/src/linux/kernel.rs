//! Single steps, in whichever namespace they belong.

use super::{mark, netfilter, sysctl};
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};
use weft_model::{IfName, chain};
use weft_netlink::{
    BridgePort, Link, LinkKind, LinkSetting, Namespace, NamespaceError, NetlinkError, NewLink, Request,
    Socket,
};
use weft_plan::{BRIDGE_NETFILTER, Carrier, Change, Entry, Far, Kind, Netns, Peer, Port, Step};
use weft_trust::TunnelSecret;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    #[error("{0}")]
    Other(String),
}

/// The namespaces that were entered so far.
pub(super) struct Kernel {
    pub(super) host: Namespace,
    open: BTreeMap<Netns, Open>,
    /// Where the thread is, if that is known.
    here: Option<Netns>,
    /// Namespaces and links that could not be made: steps that need them are not tried.
    doomed: BTreeSet<(Netns, Option<String>)>,
    /// What the tunnels are encrypted with.
    pub(super) secret: Option<TunnelSecret>,
}

pub(super) struct Open {
    namespace: Namespace,
    pub(super) socket: Socket,
    /// The numbers of the links that were asked for.
    links: HashMap<String, u32>,
}

impl Open {
    pub(super) fn link(&mut self, name: &IfName) -> Result<u32, NetlinkError> {
        self.index(name.as_str())
    }

    fn index(&mut self, name: &str) -> Result<u32, NetlinkError> {
        if let Some(index) = self.links.get(name) {
            return Ok(*index);
        }
        let index = self.socket.link_index(name)?;
        self.links.insert(name.to_owned(), index);
        Ok(index)
    }

    fn set(&mut self, name: &IfName, setting: LinkSetting) -> Result<(), NetlinkError> {
        let index = self.link(name)?;
        self.socket.request(weft_netlink::set_link(index, setting))
    }
}

impl Kernel {
    pub(super) fn new(secret: Option<TunnelSecret>) -> Result<Self, NamespaceError> {
        let host = Namespace::current()?;
        Ok(Self { host, open: BTreeMap::new(), here: Some(Netns::Host), doomed: BTreeSet::new(), secret })
    }

    pub(super) fn is_doomed(&self, step: &Step) -> bool {
        let needs = |netns: &Netns, link: Option<&str>| {
            self.doomed.contains(&(netns.clone(), None))
                || link.is_some_and(|link| self.doomed.contains(&(netns.clone(), Some(link.to_owned()))))
        };
        let peer = match step {
            Step::CreateLink { peer: Some(peer), .. } => needs(&peer.netns, None),
            Step::CreateLink { kind: Kind::Vxlan { carrier: Carrier::Tunnel, .. }, .. } => {
                needs(&Netns::Tunnel, None)
            }
            _ => false,
        };
        peer || needs(&step.netns(), step.link())
    }

    pub(super) fn doom(&mut self, step: &Step) {
        match step {
            Step::CreateNamespace(_) => {
                self.doomed.insert((step.netns(), None));
            }
            Step::CreateLink { netns, name, peer, .. } => {
                self.doomed.insert((netns.clone(), Some(name.to_string())));
                self.doomed
                    .extend(peer.as_ref().map(|peer| (peer.netns.clone(), Some(peer.name.to_string()))));
            }
            _ => {}
        }
    }

    /// Moves the thread.
    pub(super) fn enter(&mut self, netns: &Netns) -> Result<(), NamespaceError> {
        if self.here.as_ref() == Some(netns) {
            return Ok(());
        }
        self.here = None;
        match self.open.get(netns) {
            Some(open) => open.namespace.enter()?,
            None if *netns == Netns::Host => self.host.enter()?,
            None => open(netns)?.enter()?,
        }
        self.here = Some(netns.clone());
        Ok(())
    }

    pub(super) fn at(&mut self, netns: &Netns) -> Result<&mut Open, Error> {
        if !self.open.contains_key(netns) {
            self.enter(netns)?;
        }
        match self.open.entry(netns.clone()) {
            btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            btree_map::Entry::Vacant(entry) => {
                // The thread is there now.
                let (namespace, socket) = (Namespace::current()?, Socket::open()?);
                Ok(entry.insert(Open { namespace, socket, links: HashMap::new() }))
            }
        }
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::CreateNamespace(own) => {
                let mark = mark(&self.host)?;
                let name = own.to_string();
                self.enter(&Netns::Host)?;
                // From here on the thread is in the new one, or in none that is known.
                self.here = None;
                weft_netlink::create_named(&name, || prepare_namespace(&mark))?;
                self.here = Some((*own).into());
            }
            Step::DeleteNamespace(own) => {
                self.open.remove(&Netns::from(*own));
                weft_netlink::delete_named(&own.to_string())?;
            }
            Step::CreateLink { netns, name, kind, alias, mac, mtu, peer } => {
                let link = NewLink { name: name.as_str(), mac: *mac, mtu: *mtu };
                self.create(netns, &link, kind, peer.as_ref())?;
                self.at(netns)?.set(name, LinkSetting::Alias(alias.clone()))?;
                if let Some(peer) = peer {
                    self.at(&peer.netns)?.set(&peer.name, LinkSetting::Alias(alias.clone()))?;
                }
            }
            Step::DeleteLink(netns, name) => {
                let at = self.at(netns)?;
                let index = at.link(name)?;
                at.links.remove(name.as_str());
                at.socket.request(weft_netlink::delete_link(index))?;
            }
            Step::SetLink(netns, name, Change::Far(far)) => self.set_far(netns, name, far)?,
            Step::SetLink(netns, name, Change::Tunnel(settings)) => {
                self.set_tunnel(netns, name, *settings)?
            }
            Step::Add(netns, name, Entry::Peer(peer)) => self.set_peer(netns, name, peer)?,
            Step::Delete(netns, name, Entry::Peer(peer)) => self.delete_peer(netns, name, peer)?,
            Step::SetLink(netns, name, change) => set(self.at(netns)?, name, change)?,
            Step::AddRoute(netns, route) => {
                let at = self.at(netns)?;
                let link = at.link(&route.dev)?;
                at.socket.request(weft_netlink::add_route(route.to, route.via, link, route.onlink))?;
            }
            Step::DeleteRoute(netns, route) => {
                let at = self.at(netns)?;
                let link = at.link(&route.dev)?;
                at.socket.request(weft_netlink::delete_route(route.to, route.via, link))?;
            }
            Step::SetSysctl { netns, key, value } => {
                self.enter(netns)?;
                set_sysctl(netns, key, value).map_err(Error::Other)?;
            }
            Step::SetGate(vni) => {
                self.enter(&Netns::Segment(*vni))?;
                netfilter::GATE.put()?;
            }
            step => return Err(Error::Other(format!("this version cannot take the step \"{step}\""))),
        }
        Ok(())
    }

    /// Sets the end that an engine has, which calls it as it likes: it is known by the numbers that both ends have of each
    /// other. Its alias, others may change.
    fn set_far(&mut self, netns: &Netns, name: &IfName, far: &Far) -> Result<(), Error> {
        let near = self.at(netns)?.socket.links()?.into_iter().find(|link| link.name == name.as_str());
        let Some((near, below)) = near.and_then(|near| Some((near.index, near.below?))) else {
            return Ok(());
        };
        let there = match Namespace::open(&far.netns) {
            Ok(there) => there,
            Err(error) if error.is_gone() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if self.at(netns)?.socket.namespace_id(&there)? != below.namespace {
            return Ok(());
        }
        let there = match self.at(&Netns::Container(far.netns.clone())) {
            Ok(there) => there,
            Err(Error::Namespace(error)) if error.is_gone() => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_its_end = |link: &Link| {
            let of = link.below.map(|below| below.index);
            link.kind == LinkKind::Veth && link.index == below.index && of == Some(near)
        };
        // It may have gone since it was seen: the near one goes with it.
        let Some(end) = there.socket.links()?.into_iter().find(is_its_end) else { return Ok(()) };
        Ok(there.socket.request(weft_netlink::set_link(end.index, LinkSetting::Mtu(far.mtu)))?)
    }

    fn create(
        &mut self,
        netns: &Netns,
        link: &NewLink<'_>,
        kind: &Kind,
        peer: Option<&Peer>,
    ) -> Result<(), Error> {
        let request = match (kind, peer) {
            (Kind::Bridge, _) => link.bridge(),
            (Kind::Vxlan { vni, vtep, port, carrier }, _) => {
                link.vxlan(vni.get(), *vtep, *port, self.number(netns, *carrier)?)
            }
            (Kind::WireGuard, _) => link.wireguard(self.number(netns, Carrier::Host)?),
            (Kind::Veth, Some(peer)) => {
                let far = NewLink { name: peer.name.as_str(), mac: peer.mac, mtu: link.mtu };
                let there = self.at(&peer.netns)?;
                there.links.remove(far.name);
                link.veth(&far, &there.namespace)
            }
            _ => return Err(Error::Other(format!("this version cannot make a {kind}"))),
        };
        let at = self.at(netns)?;
        at.links.remove(link.name);
        Ok(at.socket.request(request)?)
    }

    /// The number that the namespace of a carrier has in `netns`.
    fn number(&mut self, netns: &Netns, carrier: Carrier) -> Result<i32, Error> {
        self.at(netns)?;
        let tunnel = (carrier == Carrier::Tunnel).then(|| open(&Netns::Tunnel)).transpose()?;
        let Self { open, host, .. } = self;
        let at = open.get_mut(netns).ok_or_else(|| gone(netns))?;
        Ok(at.socket.namespace_id(tunnel.as_ref().unwrap_or(host))?)
    }

    /// Makes links that came up usable at once. The kernel does the last of it later, in `linkwatch_event`
    /// (net/core/link_watch.c): until then a bridge's port is disabled and the first packets are lost. A request for
    /// the link makes it happen now (`rtnl_getlink`, since Linux 6.8; before, it takes some milliseconds).
    pub(super) fn settle(&mut self, steps: &[Step]) {
        let mut links = Vec::new();
        let mut bridges = BTreeSet::new();
        for step in steps {
            if let Step::SetLink(netns, name, Change::Up(true)) = step {
                links.push((netns.clone(), name.clone()));
                if matches!(netns, Netns::Segment(_)) {
                    bridges.insert((netns.clone(), IfName::bridge()));
                }
            }
        }
        // A bridge comes to life with its first port.
        links.extend(bridges);
        for (netns, name) in links {
            // A step that failed has been reported.
            let _ = self.at(&netns).map(|at| at.socket.link_index(name.as_str()));
        }
    }

    /// Deletes links of one segment's namespace, in one go if the kernel can.
    pub(super) fn delete_links(&mut self, steps: &[&Step]) -> Vec<Result<(), Error>> {
        if self.delete_together(steps).is_ok() {
            return steps.iter().map(|_| Ok(())).collect();
        }
        steps.iter().map(|step| self.take(step)).collect()
    }

    fn delete_together(&mut self, steps: &[&Step]) -> Result<(), Error> {
        let Some(first) = steps.first() else { return Ok(()) };
        let at = self.at(&first.netns())?;
        let mut indexes = Vec::with_capacity(steps.len());
        for link in steps.iter().filter_map(|step| step.link()) {
            match at.index(link) {
                Err(NetlinkError::NoLink(_)) => {}
                index => indexes.push(index?),
            }
            at.links.remove(link);
        }
        Ok(at.socket.delete_links(&indexes)?)
    }

    /// What links of one namespace hold, in one go.
    pub(super) fn entries(&mut self, steps: &[&Step]) -> Vec<Result<(), Error>> {
        let Some(first) = steps.first() else { return Vec::new() };
        let at = match self.at(&first.netns()) {
            Ok(at) => at,
            Err(error) => {
                let why = chain(&error);
                return steps.iter().map(|_| Err(Error::Other(why.clone()))).collect();
            }
        };
        let requests: Vec<Result<Request, NetlinkError>> = steps.iter().map(|step| entry(at, step)).collect();
        let ready = requests.iter().filter_map(|request| request.as_ref().ok().cloned()).collect();
        let mut answers = at.socket.batch(ready).into_iter();
        requests
            .into_iter()
            .map(|request| Ok(request.and_then(|_| answers.next().unwrap_or(Ok(())))?))
            .collect()
    }
}

fn gone(netns: &Netns) -> Error {
    Error::Other(format!("the network namespace {netns} is gone"))
}

fn open(netns: &Netns) -> Result<Namespace, NamespaceError> {
    match (netns, netns.own()) {
        (_, Some(own)) => Namespace::open(weft_netlink::named_path(&own.to_string())),
        (Netns::Container(path), _) => Namespace::open(path),
        _ => Namespace::current(),
    }
}

/// Marks the namespace that the thread is in as ours. What a module that may be loaded has given it beyond that
/// is taken back at once: otherwise only the next look would show it.
fn prepare_namespace(mark: &str) -> Result<(), Error> {
    for key in BRIDGE_NETFILTER.iter().filter(|key| sysctl::read(key).is_some()) {
        sysctl::write(key, "0").map_err(Error::Other)?;
    }
    let mut socket = Socket::open()?;
    let loopback = socket.link_index("lo")?;
    Ok(socket.request(weft_netlink::set_link(loopback, LinkSetting::Alias(mark.to_owned())))?)
}

fn set(at: &mut Open, name: &IfName, change: &Change) -> Result<(), NetlinkError> {
    match change {
        Change::Up(up) => at.set(name, LinkSetting::Up(*up)),
        Change::Mtu(mtu) => at.set(name, LinkSetting::Mtu(*mtu)),
        Change::Far(_) | Change::Tunnel(_) => {
            Err(NetlinkError::Malformed(format!("\"{change}\" is not of {name} itself")))
        }
        Change::Mac(mac) => at.set(name, LinkSetting::Mac(*mac)),
        Change::Alias(alias) => at.set(name, LinkSetting::Alias(alias.clone())),
        Change::Port(port) => {
            let Port { learning, unicast_flood, multicast_flood, broadcast_flood } = *port;
            let bridge = at.link(&IfName::bridge())?;
            at.set(name, LinkSetting::Controller(bridge))?;
            let port = BridgePort { learning, unicast_flood, multicast_flood, broadcast_flood };
            at.set(name, LinkSetting::Port(port))
        }
    }
}

fn entry(at: &mut Open, step: &Step) -> Result<Request, NetlinkError> {
    let (name, entry, add) = match step {
        Step::Add(_, name, entry) => (name, entry, true),
        Step::Delete(_, name, entry) => (name, entry, false),
        _ => return Err(NetlinkError::Malformed(format!("\"{step}\" is no entry"))),
    };
    let link = at.link(name)?;
    Ok(match (entry, add) {
        (Entry::Address(net), true) => weft_netlink::add_address(link, *net),
        (Entry::Address(net), false) => weft_netlink::delete_address(link, *net),
        (Entry::Fdb(mac, vtep), true) => weft_netlink::set_vxlan_forward(link, *mac, *vtep),
        (Entry::Fdb(mac, vtep), false) => weft_netlink::delete_vxlan_forward(link, *mac, *vtep),
        (Entry::Neighbour(ip, mac), true) => weft_netlink::set_neighbour(link, *ip, *mac),
        (Entry::Neighbour(ip, _), false) => weft_netlink::delete_neighbour(link, *ip),
        (Entry::LocalFdb(mac), true) if *name == IfName::bridge() => {
            weft_netlink::set_own_local_fdb(link, *mac)
        }
        (Entry::LocalFdb(mac), true) => weft_netlink::set_local_fdb(link, *mac),
        (Entry::LocalFdb(mac), false) => weft_netlink::delete_local_fdb(link, *mac),
        (Entry::Peer(_), _) => return Err(NetlinkError::Malformed(format!("\"{step}\" is of no table"))),
    })
}

fn set_sysctl(netns: &Netns, key: &str, value: &str) -> Result<(), String> {
    let forwarding = *netns == Netns::Host && (key == "ipv4/ip_forward" || key == "ipv6/conf/all/forwarding");
    if forwarding && key.starts_with("ipv6/") {
        sysctl::keep_router_advertisements()?;
    }
    sysctl::write(key, value)?;
    if forwarding {
        tracing::info!(sysctl = %format!("net.{}", key.replace('/', ".")), "enabled ip_forward on this host");
    }
    Ok(())
}
