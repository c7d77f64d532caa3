//! Messages of nf_tables, as they are sent. Every number here has its name in
//! `include/uapi/linux/netfilter/nfnetlink.h` and `nf_tables.h`.

use crate::transport::HEADER;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

const SUBSYSTEM: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;

pub(super) const NFT_MSG_NEWTABLE: u16 = SUBSYSTEM << 8;
pub(super) const NFT_MSG_GETTABLE: u16 = NFT_MSG_NEWTABLE | 1;
pub(super) const NFT_MSG_DELTABLE: u16 = NFT_MSG_NEWTABLE | 2;
pub(super) const NFT_MSG_NEWCHAIN: u16 = NFT_MSG_NEWTABLE | 3;
pub(super) const NFT_MSG_NEWRULE: u16 = NFT_MSG_NEWTABLE | 6;
pub(super) const NFT_MSG_GETRULE: u16 = NFT_MSG_NEWTABLE | 7;

pub(super) const NFPROTO_INET: u8 = 1;
pub(super) const NFPROTO_IPV4: u8 = 2;
pub(super) const NFPROTO_BRIDGE: u8 = 7;
const NFPROTO_UNSPEC: u8 = 0;

/// `struct nfgenmsg`, in bytes.
pub(super) const GENERIC: usize = 4;

/// Attributes of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    pub(crate) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        // All that is sent from here is short.
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    /// Numbers of nf_tables are in network byte order.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(crate) fn nest(self, kind: u16, inner: &Self) -> Self {
        const NLA_F_NESTED: u16 = 1 << 15;
        self.bytes(kind | NLA_F_NESTED, &inner.0)
    }

    /// Elements of a list.
    pub(super) fn elements<const N: usize>(self, elements: [Self; N]) -> Self {
        const NFTA_LIST_ELEM: u16 = 1;
        elements.iter().fold(self, |list, element| list.nest(NFTA_LIST_ELEM, element))
    }
}

/// A message with its `struct nlmsghdr` and `struct nfgenmsg`. Nobody sends two requests at once, and so none needs
/// a sequence number.
pub(crate) fn message(kind: u16, flags: u16, family: u8, attributes: &Attributes) -> Vec<u8> {
    of_resource(kind, flags, family, 0, attributes)
}

fn of_resource(kind: u16, flags: u16, family: u8, resource: u16, attributes: &Attributes) -> Vec<u8> {
    let mut message = Vec::new();
    let length = u32::try_from(HEADER + GENERIC + attributes.0.len()).unwrap_or(u32::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, 0]);
    message.extend(resource.to_be_bytes());
    message.extend(&attributes.0);
    message
}

/// Changes to tables of a family that all take effect at once, or not at all: pairs of a kind and its flags,
/// and the attributes. The last one is acknowledged when all have; one that is refused is so before.
pub(super) fn batch(family: u8, changes: &[(u16, u16, Attributes)]) -> Vec<u8> {
    let mark = |kind| of_resource(kind, 0, NFPROTO_UNSPEC, SUBSYSTEM, &Attributes::default());
    let mut batch = mark(NFNL_MSG_BATCH_BEGIN);
    for (n, (kind, flags, attributes)) in changes.iter().enumerate() {
        let ack = if n + 1 == changes.len() { NLM_F_ACK } else { 0 };
        batch.extend(message(*kind, flags | ack, family, attributes));
    }
    batch.extend(mark(NFNL_MSG_BATCH_END));
    batch
}
