//! Network interfaces.

use crate::{Elsewhere, Namespace, NetlinkError, Request, Socket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        BridgeStpState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoVeth, InfoVxlan,
        LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
    },
    nsid::{NsidAttribute, NsidMessage},
};
use std::{
    net::IpAddr,
    os::fd::{AsFd, AsRawFd},
};
use weft_model::MacAddr;

/// A network interface as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its alias.
    pub alias: Option<String>,
    /// Its Ethernet address, if it has one.
    pub mac: Option<MacAddr>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// The number of the bridge it is a port of.
    pub controller: Option<u32>,
    /// Its settings as a bridge's port.
    pub port: Option<BridgePort>,
    /// What it is.
    pub kind: LinkKind,
    /// Its peer, of a pair, or the link below it, if that is in another namespace.
    pub below: Option<Elsewhere>,
    /// The number here ([`Socket::namespace_id`]) of the namespace that its packets leave from, if that is another one.
    pub born_in: Option<i32>,
}

/// What an interface is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkKind {
    /// The loopback device.
    Loopback,
    /// A bridge.
    Bridge {
        /// Whether it speaks the spanning tree protocol.
        stp: bool,
        /// Whether it listens to IGMP and MLD.
        multicast_snooping: bool,
    },
    /// A VXLAN device.
    Vxlan(Vxlan),
    /// An end of a veth pair.
    Veth,
    /// Another kind, as the kernel calls it; empty for hardware.
    Other(String),
}

/// The settings of a VXLAN device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vxlan {
    /// The network identifier.
    pub vni: u32,
    /// The source address of its packets.
    pub local: Option<IpAddr>,
    /// The UDP port.
    pub port: u16,
    /// Whether it learns where addresses are from the packets it gets.
    pub learning: bool,
    /// Whether it answers ARP and neighbour solicitations from its own table.
    pub proxy: bool,
}

/// The settings of a bridge's port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BridgePort {
    /// Learns source addresses.
    pub learning: bool,
    /// Sends out frames to unknown addresses.
    pub unicast_flood: bool,
    /// Sends out multicast.
    pub multicast_flood: bool,
    /// Sends out broadcast.
    pub broadcast_flood: bool,
}

/// A setting to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkSetting {
    /// Up or down.
    Up(bool),
    /// The MTU in bytes.
    Mtu(u32),
    /// The Ethernet address.
    Mac(MacAddr),
    /// The alias.
    Alias(String),
    /// The bridge to be a port of, by its number.
    Controller(u32),
    /// The settings as a bridge's port, which it must be.
    Port(BridgePort),
}

/// A link to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its Ethernet address, if not just any.
    pub mac: Option<MacAddr>,
    /// Its MTU in bytes.
    pub mtu: u32,
}

impl NewLink<'_> {
    fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(self.name.to_owned()));
        message.attributes.push(LinkAttribute::Mtu(self.mtu));
        message.attributes.extend(self.mac.map(|mac| LinkAttribute::Address(mac.octets().to_vec())));
        message
    }

    fn request(&self, kind: InfoKind, data: InfoData, more: Option<LinkAttribute>) -> Request {
        let mut message = self.message();
        message.attributes.extend(more);
        message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]));
        Request::new(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// A device of any kind that takes no settings, as the kernel calls it: for tests, which ask for what does not exist.
    #[doc(hidden)]
    pub fn of_kind(&self, kind: &str) -> Request {
        let mut message = self.message();
        let kind = InfoKind::Other(kind.to_owned());
        message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]));
        Request::new(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// A WireGuard device. Its UDP socket is in the namespace that the socket's knows as number `underlay`
    /// ([`Socket::namespace_id`]): `wg_newlink`, drivers/net/wireguard/device.c.
    pub fn wireguard(&self, underlay: i32) -> Request {
        let mut message = self.message();
        message.attributes.push(LinkAttribute::LinkNetNsId(underlay));
        message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Wireguard)]));
        Request::new(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// A bridge without STP and multicast snooping: it forwards at once, and what it forwards is decided by
    /// its table alone.
    pub fn bridge(&self) -> Request {
        let data = vec![
            InfoBridge::StpState(BridgeStpState::Disabled),
            InfoBridge::ForwardDelay(0),
            InfoBridge::MulticastSnooping(false),
        ];
        self.request(InfoKind::Bridge, InfoData::Bridge(data), None)
    }

    /// A VXLAN device that neither learns nor floods and answers ARP and ND itself. Its UDP socket is in the
    /// namespace that the socket's knows as number `underlay` ([`Socket::namespace_id`]).
    pub fn vxlan(&self, vni: u32, local: IpAddr, port: u16, underlay: i32) -> Request {
        let data = vec![
            InfoVxlan::Id(vni),
            match local {
                IpAddr::V4(local) => InfoVxlan::Local(local),
                IpAddr::V6(local) => InfoVxlan::Local6(local),
            },
            InfoVxlan::Port(port),
            InfoVxlan::Learning(false),
            InfoVxlan::Proxy(true),
            InfoVxlan::L2Miss(true),
            InfoVxlan::L3Miss(true),
        ];
        self.request(InfoKind::Vxlan, InfoData::Vxlan(data), Some(LinkAttribute::LinkNetNsId(underlay)))
    }

    /// A veth pair, whose other end is born as `peer` in the namespace `place`.
    pub fn veth(&self, peer: &NewLink<'_>, place: &Namespace) -> Request {
        let mut far = peer.message();
        far.attributes.push(LinkAttribute::NetNsFd(place.as_fd().as_raw_fd()));
        self.request(InfoKind::Veth, InfoData::Veth(InfoVeth::Peer(far)), None)
    }
}

impl Socket {
    /// All links of the namespace.
    ///
    /// # Errors
    /// When the kernel refuses, or does not let it be read in one piece.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        self.dump(&RouteNetlinkMessage::GetLink(message), link)
    }

    /// The number of the link called `name`.
    ///
    /// # Errors
    /// [`NetlinkError::NoLink`] if there is none.
    pub fn link_index(&mut self, name: &str) -> Result<u32, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.get(RouteNetlinkMessage::GetLink(message)) {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(link.header.index),
            Err(e) if e.errno() != Some(rustix::io::Errno::NODEV.raw_os_error()) => Err(e),
            _ => Err(NetlinkError::NoLink(name.to_owned())),
        }
    }

    /// Deletes the links with these numbers together, in a namespace where no other program uses groups. To delete one
    /// link, the kernel waits some milliseconds for its users to let go; for many together it waits once. Links that
    /// are gone are no error.
    ///
    /// # Errors
    /// When the kernel refuses; then all may be there, or none.
    pub fn delete_links(&mut self, indexes: &[u32]) -> Result<(), NetlinkError> {
        /// Any but 0, in which links are born.
        const DOOMED: u32 = 1;
        let to_group = |index: &u32| {
            let mut message = LinkMessage::default();
            message.header.index = *index;
            message.attributes.push(LinkAttribute::Group(DOOMED));
            Request::new(RouteNetlinkMessage::SetLink(message), 0)
        };
        let unless_gone = |result: Result<(), NetlinkError>| match result {
            Err(e) if e.errno() == Some(rustix::io::Errno::NODEV.raw_os_error()) => Ok(()),
            result => result,
        };
        for result in self.batch(indexes.iter().map(to_group).collect()) {
            unless_gone(result)?;
        }
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::Group(DOOMED));
        unless_gone(self.request(Request::new(RouteNetlinkMessage::DelLink(message), 0)))
    }

    /// The number that this socket's namespace knows `namespace` by, given to it if it has none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn namespace_id(&mut self, namespace: &Namespace) -> Result<i32, NetlinkError> {
        let fd = u32::try_from(namespace.as_fd().as_raw_fd()).unwrap_or_default();
        let message = |id: Option<i32>| {
            let mut message = NsidMessage::default();
            message.attributes.push(NsidAttribute::Fd(fd));
            message.attributes.extend(id.map(NsidAttribute::Id));
            message
        };
        for _ in 0..2 {
            let answer = self.get(RouteNetlinkMessage::GetNsId(message(None)))?;
            if let Some(RouteNetlinkMessage::NewNsId(answer)) = answer
                && let Some(id) = answer.attributes.iter().find_map(|a| match a {
                    NsidAttribute::Id(id) if *id >= 0 => Some(*id),
                    _ => None,
                })
            {
                return Ok(id);
            }
            // −1: any (NETNSA_NSID_NOT_ASSIGNED).
            match self.request(Request::new(RouteNetlinkMessage::NewNsId(message(Some(-1))), 0)) {
                // Another process was faster.
                Err(e) if e.errno() == Some(rustix::io::Errno::EXIST.raw_os_error()) => {}
                other => other?,
            }
        }
        Err(NetlinkError::Malformed("it gives no number to a namespace".to_owned()))
    }
}

/// Deletes the link with this number.
pub fn delete_link(index: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    Request::new(RouteNetlinkMessage::DelLink(message), 0)
}

/// Changes a setting of the link with this number.
pub fn set_link(index: u32, setting: LinkSetting) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    match setting {
        LinkSetting::Up(up) => {
            message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
            message.header.change_mask = LinkFlags::Up;
        }
        LinkSetting::Mtu(mtu) => message.attributes.push(LinkAttribute::Mtu(mtu)),
        LinkSetting::Mac(mac) => message.attributes.push(LinkAttribute::Address(mac.octets().to_vec())),
        LinkSetting::Alias(alias) => message.attributes.push(LinkAttribute::IfAlias(alias)),
        LinkSetting::Controller(bridge) => message.attributes.push(LinkAttribute::Controller(bridge)),
        LinkSetting::Port(port) => {
            let data = vec![
                InfoBridgePort::Learning(port.learning),
                InfoBridgePort::UnicastFlood(port.unicast_flood),
                InfoBridgePort::MulticastFlood(port.multicast_flood),
                InfoBridgePort::BroadcastFlood(port.broadcast_flood),
            ];
            message.attributes.push(LinkAttribute::LinkInfo(vec![
                LinkInfo::PortKind(netlink_packet_route::link::InfoPortKind::Bridge),
                LinkInfo::PortData(InfoPortData::BridgePort(data)),
            ]));
            // IFLA_INFO_SLAVE_DATA is heeded in RTM_NEWLINK only (`rtnl_newlink`, `net/core/rtnetlink.c`).
            return Request::new(RouteNetlinkMessage::NewLink(message), 0);
        }
    }
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

pub(crate) fn link(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = message else { return None };
    let flags = message.header.flags;
    let kind =
        if flags.contains(LinkFlags::Loopback) { LinkKind::Loopback } else { LinkKind::Other(String::new()) };
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        alias: None,
        mac: None,
        mtu: 0,
        up: flags.contains(LinkFlags::Up),
        controller: None,
        port: None,
        kind,
        below: None,
        born_in: None,
    };
    let (mut below, mut namespace) = (None, None);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Address(bytes) => {
                link.mac = <[u8; 6]>::try_from(bytes).ok().and_then(|bytes| MacAddr::new(bytes).ok());
            }
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Controller(index) => link.controller = Some(index),
            LinkAttribute::Link(index) => below = Some(index),
            LinkAttribute::LinkNetNsId(id) => namespace = Some(id),
            LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| describe(&mut link, info)),
            _ => {}
        }
    }
    // −1: a namespace that this one has no number for.
    let namespace = namespace.filter(|id| *id >= 0);
    link.born_in = namespace;
    link.below = below.zip(namespace).map(|(index, namespace)| Elsewhere { namespace, index });
    (!link.name.is_empty()).then_some(link)
}

fn describe(link: &mut Link, info: &LinkInfo) {
    match info {
        LinkInfo::Kind(InfoKind::Veth) => link.kind = LinkKind::Veth,
        LinkInfo::Kind(kind) => link.kind = LinkKind::Other(kind.to_string()),
        LinkInfo::Data(InfoData::Bridge(data)) => {
            let stp = |i: &InfoBridge| matches!(i, InfoBridge::StpState(s) if *s != BridgeStpState::Disabled);
            let snooping = |i: &InfoBridge| matches!(i, InfoBridge::MulticastSnooping(true));
            link.kind =
                LinkKind::Bridge { stp: data.iter().any(stp), multicast_snooping: data.iter().any(snooping) };
        }
        LinkInfo::Data(InfoData::Vxlan(data)) => link.kind = LinkKind::Vxlan(vxlan(data)),
        LinkInfo::PortData(InfoPortData::BridgePort(data)) => {
            let mut port = BridgePort::default();
            for setting in data {
                match setting {
                    InfoBridgePort::Learning(on) => port.learning = *on,
                    InfoBridgePort::UnicastFlood(on) => port.unicast_flood = *on,
                    InfoBridgePort::MulticastFlood(on) => port.multicast_flood = *on,
                    InfoBridgePort::BroadcastFlood(on) => port.broadcast_flood = *on,
                    _ => {}
                }
            }
            link.port = Some(port);
        }
        _ => {}
    }
}

fn vxlan(data: &[InfoVxlan]) -> Vxlan {
    let mut vxlan = Vxlan::default();
    for setting in data {
        match setting {
            InfoVxlan::Id(vni) => vxlan.vni = *vni,
            InfoVxlan::Local(local) => vxlan.local = Some(IpAddr::V4(*local)),
            InfoVxlan::Local6(local) => vxlan.local = Some(IpAddr::V6(*local)),
            InfoVxlan::Port(port) => vxlan.port = *port,
            InfoVxlan::Learning(on) => vxlan.learning = *on,
            InfoVxlan::Proxy(on) => vxlan.proxy = *on,
            _ => {}
        }
    }
    vxlan
}
