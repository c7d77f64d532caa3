//! An nftables table that sends what is for one port to another, for as long as somebody keeps it.

use super::{
    expression::{EQUAL, Field, NETWORK, TRANSPORT, UNEQUAL, chain, expression, matches, rule},
    message::{
        Attributes, NFPROTO_IPV4, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWTABLE,
        batch,
    },
    table::answers,
};
use crate::{NetlinkError, transport::Transport};
use netlink_packet_core::NLM_F_CREATE;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::io::Errno;
use std::net::Ipv4Addr;

const NF_INET_LOCAL_OUT: u32 = 3;
/// The kernel removes such a table when the socket that made it is closed, however its process ends (since Linux 5.12).
const NFT_TABLE_F_OWNER: u32 = 2;
const CHAIN: &str = "output";
/// NF_IP_PRI_RAW: before connections are tracked (include/uapi/linux/netfilter_ipv4.h).
const PRIORITY: i32 = -300;

/// Packets to one port of one address of this network namespace, over TCP or UDP, and the port they go to instead.
///
/// The answers seem to come from the port that was asked. Each packet is translated by itself, and no connection is
/// tracked: other translations do not see the packets, and the redirection begins and ends for all clients at once,
/// also for one that keeps asking from the same socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect<'t> {
    /// The name of the table, of the family `ip`.
    pub table: &'t str,
    /// The address.
    pub address: Ipv4Addr,
    /// The port they are sent to.
    pub from: u16,
    /// The port they go to.
    pub to: u16,
    /// Packets from this address are left alone.
    pub except: Ipv4Addr,
}

/// A redirection in force: dropped, it ends. It keeps its network namespace alive.
///
/// From Linux 5.12 on it ends with its process, too; before, a process that was killed leaves it behind until the same
/// one is made again.
///
/// To drop it takes tens of milliseconds, in which the kernel waits for the users of the table (`nft_rcv_nl_event`,
/// net/netfilter/nf_tables_api.c). Many are best dropped on as many threads: the kernel then waits once.
pub struct Redirected {
    transport: Transport,
    removal: Vec<u8>,
}

impl Redirect<'_> {
    /// Puts it in force in the calling thread's network namespace, at once and in place of a table of the same
    /// name.
    ///
    /// # Errors
    /// When the kernel refuses, or has no nftables.
    pub fn put(&self) -> Result<Redirected, NetlinkError> {
        match self.put_as(NFT_TABLE_F_OWNER) {
            // Earlier kernels do not know the flag.
            Err(error) if is_unknown_flag(&error) => self.put_as(0),
            result => result,
        }
    }

    fn put_as(&self, flags: u32) -> Result<Redirected, NetlinkError> {
        let mut transport = Transport::open(NETLINK_NETFILTER)?;
        let table = Attributes::default().text(1, self.table);
        transport.send(&batch(
            NFPROTO_IPV4,
            &[
                // Made first, so that there is one to delete.
                (NFT_MSG_NEWTABLE, NLM_F_CREATE, table.clone()),
                (NFT_MSG_DELTABLE, 0, table.clone()),
                (NFT_MSG_NEWTABLE, NLM_F_CREATE, table.clone().number(2, flags)),
                (NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain(self.table, CHAIN, NF_INET_LOCAL_OUT, PRIORITY)),
                (NFT_MSG_NEWRULE, NLM_F_CREATE, self.rule(&self.there(UDP))),
                (NFT_MSG_NEWRULE, NLM_F_CREATE, self.rule(&self.there(TCP))),
                (NFT_MSG_NEWRULE, NLM_F_CREATE, self.rule(&self.back(UDP))),
                (NFT_MSG_NEWRULE, NLM_F_CREATE, self.rule(&self.back(TCP))),
            ],
        ))?;
        answers(&mut transport, false, |_, _| Ok(()))?;
        transport.rest();
        Ok(Redirected { transport, removal: batch(NFPROTO_IPV4, &[(NFT_MSG_DELTABLE, 0, table)]) })
    }

    /// `ip daddr <address> <protocol> dport <from> ip saddr != <except> notrack <protocol> dport set <to>`.
    fn there(&self, protocol: Protocol) -> Attributes {
        Attributes::default()
            .elements(matches(DESTINATION, EQUAL, &self.address.octets()))
            .elements(matches(PROTOCOL, EQUAL, &[protocol.number]))
            .elements(matches(DESTINATION_PORT, EQUAL, &self.from.to_be_bytes()))
            .elements(matches(SOURCE, UNEQUAL, &self.except.octets()))
            .elements(set_port(DESTINATION_PORT, protocol, self.to))
    }

    /// `ip saddr <address> <protocol> sport <to> notrack <protocol> sport set <from>`.
    fn back(&self, protocol: Protocol) -> Attributes {
        Attributes::default()
            .elements(matches(SOURCE, EQUAL, &self.address.octets()))
            .elements(matches(PROTOCOL, EQUAL, &[protocol.number]))
            .elements(matches(SOURCE_PORT, EQUAL, &self.to.to_be_bytes()))
            .elements(set_port(SOURCE_PORT, protocol, self.from))
    }

    fn rule(&self, expressions: &Attributes) -> Attributes {
        rule(self.table, CHAIN, expressions)
    }
}

impl Drop for Redirected {
    fn drop(&mut self) {
        // Closing the socket is not enough: a process that is just being started may have a copy of it. A table that
        // another process removed is gone as well.
        let _ = self.transport.send(&self.removal);
    }
}

fn is_unknown_flag(error: &NetlinkError) -> bool {
    let unknown = [Errno::OPNOTSUPP, Errno::INVAL].map(Errno::raw_os_error);
    error.errno().is_some_and(|errno| unknown.contains(&errno))
}

const PROTOCOL: Field = Field(NETWORK, 9, 1);
const SOURCE: Field = Field(NETWORK, 12, 4);
const DESTINATION: Field = Field(NETWORK, 16, 4);
const SOURCE_PORT: Field = Field(TRANSPORT, 0, 2);
const DESTINATION_PORT: Field = Field(TRANSPORT, 2, 2);

/// A protocol with ports, and where in its header the checksum is.
#[derive(Clone, Copy)]
struct Protocol {
    number: u8,
    checksum: u32,
}

const TCP: Protocol = Protocol { number: 6, checksum: 16 };
const UDP: Protocol = Protocol { number: 17, checksum: 6 };

/// Writes a port, without tracking the packet.
fn set_port(field: Field, protocol: Protocol, port: u16) -> [Attributes; 3] {
    const NFT_PAYLOAD_CSUM_INET: u32 = 1;
    let value = Attributes::default().bytes(1, &port.to_be_bytes());
    let load = Attributes::default().number(1, 1).nest(2, &value);
    let write = field.attributes(5).number(6, NFT_PAYLOAD_CSUM_INET).number(7, protocol.checksum);
    [
        expression("notrack", &Attributes::default()),
        expression("immediate", &load),
        expression("payload", &write),
    ]
}

#[cfg(test)]
mod tests;
