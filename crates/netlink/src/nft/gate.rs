//! An nftables table that keeps what comes in at one port of a bridge from the bridge's own addresses.

use super::{
    NftTable,
    expression::{EQUAL, Field, TRANSPORT, UNEQUAL, chain, expression, matches, meta, rule},
    message::{
        Attributes, NFPROTO_BRIDGE, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWTABLE,
        batch,
    },
    table::{answers, table_of},
};
use crate::{NetlinkError, transport::Transport};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};
use netlink_sys::protocols::NETLINK_NETFILTER;

const NF_BR_LOCAL_IN: u32 = 1;
const CHAIN: &str = "input";
/// What it is recognised by, beside the number of its rules: another for other rules.
const COMMENT: &str = "weft gate 1";
const RULES: usize = 4;

/// Frames that come in at a port of a bridge for the bridge itself are dropped, but for answers of ARP and ND: what a
/// bridge with addresses would take for its host, or route. What is for other ports passes, and meets no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate<'t> {
    /// The name of the table, of the family `bridge`.
    pub table: &'t str,
    /// The name of the port.
    pub port: &'t str,
}

impl Gate<'_> {
    /// Puts it in the calling thread's network namespace, at once and in place of a table of the same name. It stays until
    /// the namespace goes.
    ///
    /// # Errors
    /// When the kernel refuses, or has no nftables for bridges.
    pub fn put(&self) -> Result<(), NetlinkError> {
        let mut transport = Transport::open(NETLINK_NETFILTER)?;
        let table = Attributes::default().text(1, self.table);
        // Without the second it would come before the others.
        let next = NLM_F_CREATE | NLM_F_APPEND;
        transport.send(&batch(
            NFPROTO_BRIDGE,
            &[
                // Made first, so that there is one to delete.
                (NFT_MSG_NEWTABLE, NLM_F_CREATE, table.clone()),
                (NFT_MSG_DELTABLE, 0, table.clone()),
                (NFT_MSG_NEWTABLE, NLM_F_CREATE, table.bytes(6, &comment())),
                (NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain(self.table, CHAIN, NF_BR_LOCAL_IN, 0)),
                (NFT_MSG_NEWRULE, next, self.rule(&self.another_port())),
                (NFT_MSG_NEWRULE, next, self.rule(&arp())),
                (NFT_MSG_NEWRULE, next, self.rule(&neighbour_advertisement())),
                (NFT_MSG_NEWRULE, next, self.rule(&verdict(Attributes::default(), NF_DROP))),
            ],
        ))?;
        answers(&mut transport, false, |_, _| Ok(()))?;
        transport.rest();
        Ok(())
    }

    /// Whether it is in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn is_there(&self) -> Result<bool, NetlinkError> {
        let found = table_of(NFPROTO_BRIDGE, self.table)?;
        Ok(found == Some(NftTable { comment: COMMENT.to_owned(), rules: RULES }))
    }

    fn rule(&self, expressions: &Attributes) -> Attributes {
        rule(self.table, CHAIN, expressions)
    }

    /// `iifname != <port> accept`.
    fn another_port(&self) -> Attributes {
        // As long as the register is, IFNAMSIZ.
        let mut name = self.port.as_bytes().to_vec();
        name.resize(16, 0);
        verdict(Attributes::default().elements(meta(NFT_META_IIFNAME, UNEQUAL, &name)), NF_ACCEPT)
    }
}

/// `meta protocol arp accept`.
fn arp() -> Attributes {
    const ETH_P_ARP: u16 = 0x0806;
    let arp = meta(NFT_META_PROTOCOL, EQUAL, &ETH_P_ARP.to_be_bytes());
    verdict(Attributes::default().elements(arp), NF_ACCEPT)
}

/// `meta protocol ip6 meta l4proto icmpv6 icmpv6 type nd-neighbor-advert accept`.
fn neighbour_advertisement() -> Attributes {
    const ETH_P_IPV6: u16 = 0x86dd;
    const ICMPV6: u8 = 58;
    const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    const KIND: Field = Field(TRANSPORT, 0, 1);
    let is = Attributes::default()
        .elements(meta(NFT_META_PROTOCOL, EQUAL, &ETH_P_IPV6.to_be_bytes()))
        .elements(meta(NFT_META_L4PROTO, EQUAL, &[ICMPV6]))
        .elements(matches(KIND, EQUAL, &[NEIGHBOUR_ADVERTISEMENT]));
    verdict(is, NF_ACCEPT)
}

const NFT_META_PROTOCOL: u32 = 1;
const NFT_META_IIFNAME: u32 = 6;
const NFT_META_L4PROTO: u32 = 16;
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;

/// What becomes of a packet that has come as far as this.
fn verdict(expressions: Attributes, code: u32) -> Attributes {
    let code = Attributes::default().number(1, code);
    // Register 0 is the verdict.
    let load = Attributes::default().number(1, 0).nest(2, &Attributes::default().nest(2, &code));
    expressions.elements([expression("immediate", &load)])
}

/// As libnftnl writes it (`udata.h`): kind 0, the length, the text.
fn comment() -> Vec<u8> {
    let text = [COMMENT.as_bytes(), &[0]].concat();
    [&[0, u8::try_from(text.len()).unwrap_or(u8::MAX)], text.as_slice()].concat()
}

#[cfg(test)]
mod tests;
