//! What the hosts of these tests should have.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};
use weft_model::{EndpointId, IfName, MacAddr, NetworkId, Vni};
use weft_plan::{Attachment, Desired, Outer, Remote, Segment};

/// A [`Desired`] that is built up.
#[derive(Clone, Default)]
pub struct Wanted(pub Desired);

/// The Ethernet address of the endpoint with this IPv4 address.
pub fn mac(ip: &str) -> MacAddr {
    MacAddr::for_ip(ip.parse().unwrap())
}

fn vni(number: u32) -> Vni {
    number.try_into().unwrap()
}

impl Wanted {
    /// A segment with these gateways, of a network of its own.
    pub fn segment(&mut self, number: u32, vtep: IpAddr, gateways: &[&str]) -> &mut Self {
        let digits = format!("{number:064x}");
        let segment = Segment {
            carrier: weft_plan::Carrier::Host,
            network: digits.parse::<NetworkId>().unwrap(),
            vtep,
            port: 4789,
            mtu: 1450,
            gateways: gateways.iter().map(|g| g.parse().unwrap()).collect(),
            gateway_mac: mac(gateways[0].split_once('/').unwrap().0),
            egress: true,
            remotes: weft_plan::Remotes::default(),
        };
        self.0.segments.insert(vni(number), segment);
        self
    }

    /// An endpoint of this host, in the namespace `container`, without a default route.
    pub fn local(&mut self, number: u32, container: &str, addresses: &[&str]) -> EndpointId {
        let id: EndpointId = format!("{:0<64x}", self.0.attachments.len() + 0x100).parse().unwrap();
        let attachment = Attachment {
            vni: vni(number),
            mac: mac(addresses[0].split_once('/').unwrap().0),
            up: true,
            outer: Outer::Container {
                netns: PathBuf::from("/run/netns").join(container),
                ifname: IfName::container(0),
                addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
                default_via: Vec::new(),
            },
        };
        self.0.attachments.insert(id, attachment);
        id
    }

    /// An endpoint of this host with this address, left to an engine.
    pub fn for_engine(&mut self, number: u32, address: &str) -> EndpointId {
        let id = self.local(number, "nowhere", &[address]);
        self.hand_over(id, false);
        id
    }

    /// Says whether the engine was told of its end.
    pub fn hand_over(&mut self, id: EndpointId, handed_over: bool) {
        let (ifname, netns) = (IfName::for_engine(&id), "/run/netns/box".into());
        let outer = Outer::Engine { ifname, netns, handed_over, routed: false };
        self.0.attachments.get_mut(&id).unwrap().outer = outer;
    }

    /// An endpoint with a default route through the gateways of its segment.
    pub fn leaving(&mut self, number: u32, container: &str, addresses: &[&str]) -> EndpointId {
        let id = self.local(number, container, addresses);
        let gateways = self.0.segments[&vni(number)].gateways.iter().map(|g| g.addr()).collect();
        if let Outer::Container { default_via, .. } = &mut self.0.attachments.get_mut(&id).unwrap().outer {
            *default_via = gateways;
        }
        id
    }

    /// An endpoint on another host.
    pub fn remote(&mut self, number: u32, vtep: IpAddr, addresses: &[&str]) -> &mut Self {
        let remote = Remote { vtep, addresses: addresses.iter().map(|a| a.parse().unwrap()).collect() };
        self.0.segments.get_mut(&vni(number)).unwrap().remotes.insert(mac(addresses[0]), &remote);
        self
    }
}
