//! The expressions that rules are made of (`include/uapi/linux/netfilter/nf_tables.h`).

use super::message::Attributes;

// NFT_CMP_EQ, NFT_CMP_NEQ.
pub(super) const EQUAL: u32 = 0;
pub(super) const UNEQUAL: u32 = 1;

// `enum nft_payload_bases`: NFT_PAYLOAD_NETWORK_HEADER, NFT_PAYLOAD_TRANSPORT_HEADER.
pub(super) const NETWORK: u32 = 1;
pub(super) const TRANSPORT: u32 = 2;

/// A part of a packet: the header that it counts from, how far, how long.
#[derive(Clone, Copy)]
pub(super) struct Field(pub(super) u32, pub(super) u32, pub(super) u32);

impl Field {
    /// With the register that it goes to, or comes from.
    pub(super) fn attributes(self, register: u16) -> Attributes {
        Attributes::default().number(register, 1).number(2, self.0).number(3, self.1).number(4, self.2)
    }
}

pub(super) fn expression(name: &str, data: &Attributes) -> Attributes {
    Attributes::default().text(1, name).nest(2, data)
}

/// Goes on to the next rule unless a part of the packet is `value`, or something else.
pub(super) fn matches(field: Field, operator: u32, value: &[u8]) -> [Attributes; 2] {
    [expression("payload", &field.attributes(1)), compare(operator, value)]
}

/// The same of what is known beside the packet.
pub(super) fn meta(key: u32, operator: u32, value: &[u8]) -> [Attributes; 2] {
    [expression("meta", &Attributes::default().number(1, 1).number(2, key)), compare(operator, value)]
}

fn compare(operator: u32, value: &[u8]) -> Attributes {
    let value = Attributes::default().bytes(1, value);
    expression("cmp", &Attributes::default().number(1, 1).number(2, operator).nest(3, &value))
}

/// A chain of a table that packets come by at `hook`: `type filter hook … priority …`.
pub(super) fn chain(table: &str, name: &str, hook: u32, priority: i32) -> Attributes {
    let hook = Attributes::default().number(1, hook).number(2, priority.cast_unsigned());
    Attributes::default().text(1, table).text(3, name).nest(4, &hook).text(7, "filter")
}

/// A rule of a chain.
pub(super) fn rule(table: &str, chain: &str, expressions: &Attributes) -> Attributes {
    Attributes::default().text(1, table).text(2, chain).nest(4, expressions)
}
