//! An nftables table that sends what is for one address to another, for as long as somebody keeps it.

use super::{
    message::{
        Attributes, NFPROTO_IPV4, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWTABLE,
        batch,
    },
    table::answers,
};
use crate::{NetlinkError, transport::Transport};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::io::Errno;
use std::net::{Ipv4Addr, SocketAddrV4};

const NF_INET_LOCAL_OUT: u32 = 3;
/// The kernel removes such a table when the socket that made it is closed, by whatever end of its process (since
/// Linux 5.12).
const NFT_TABLE_F_OWNER: u32 = 2;
const CHAIN: &str = "output";
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

/// Packets that this network namespace sends to one address and port, over TCP or UDP, and where they go instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect<'t> {
    /// The name of the table, of the family `ip`.
    pub table: &'t str,
    /// When among other translations, which happen at -100: the first one counts.
    pub priority: i32,
    /// Where they are sent to.
    pub from: SocketAddrV4,
    /// Where they go.
    pub to: SocketAddrV4,
    /// Whose packets are left alone.
    pub except: Ipv4Addr,
}

/// A redirection in force: dropped, it ends. It keeps its network namespace alive.
///
/// From Linux 5.12 on it ends with its process, too; before, what a process leaves that was killed stays until
/// somebody makes the same one again.
///
/// To drop it takes tens of milliseconds, in which the kernel waits for those who use the table (`nft_rcv_nl_event`,
/// net/netfilter/nf_tables_api.c). Many are best dropped on as many threads: the kernel then waits once.
pub struct Redirected {
    transport: Transport,
    /// What the kernel does not do by itself when the socket is closed.
    removal: Option<Vec<u8>>,
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
        transport.send(&batch(&[
            // Made first, so that there is one to delete.
            (NFT_MSG_NEWTABLE, NLM_F_CREATE, table.clone()),
            (NFT_MSG_DELTABLE, 0, table.clone()),
            (NFT_MSG_NEWTABLE, NLM_F_CREATE, table.clone().number(2, flags)),
            (NFT_MSG_NEWCHAIN, NLM_F_CREATE, self.chain()),
            (NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, self.rule(IPPROTO_UDP)),
            (NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, self.rule(IPPROTO_TCP)),
        ]))?;
        answers(&mut transport, false, |_, _| {})?;
        transport.rest();
        let removal = (flags & NFT_TABLE_F_OWNER == 0).then(|| batch(&[(NFT_MSG_DELTABLE, 0, table)]));
        Ok(Redirected { transport, removal })
    }

    /// `type nat hook output priority <priority>`.
    fn chain(&self) -> Attributes {
        let hook =
            Attributes::default().number(1, NF_INET_LOCAL_OUT).number(2, self.priority.cast_unsigned());
        Attributes::default().text(1, self.table).text(3, CHAIN).nest(4, &hook).text(7, "nat")
    }

    /// `ip daddr <from> <protocol> dport <from> ip saddr != <except> dnat to <to>`.
    fn rule(&self, protocol: u8) -> Attributes {
        const NETWORK: u32 = 1;
        const TRANSPORT: u32 = 2;
        let (equal, unequal) = (0, 1);
        let expressions = Attributes::default()
            .nest(1, &payload(NETWORK, 16, 4))
            .nest(1, &compare(equal, &self.from.ip().octets()))
            .nest(1, &payload(NETWORK, 9, 1))
            .nest(1, &compare(equal, &[protocol]))
            .nest(1, &payload(TRANSPORT, 2, 2))
            .nest(1, &compare(equal, &self.from.port().to_be_bytes()))
            .nest(1, &payload(NETWORK, 12, 4))
            .nest(1, &compare(unequal, &self.except.octets()))
            .nest(1, &immediate(1, &self.to.ip().octets()))
            .nest(1, &immediate(2, &self.to.port().to_be_bytes()))
            .nest(1, &destination_nat());
        Attributes::default().text(1, self.table).text(2, CHAIN).nest(4, &expressions)
    }
}

impl Drop for Redirected {
    fn drop(&mut self) {
        if let Some(removal) = &self.removal {
            // A table that somebody else removed is gone as well.
            let _ = self.transport.send(removal);
        }
    }
}

fn is_unknown_flag(error: &NetlinkError) -> bool {
    let unknown = [Errno::OPNOTSUPP, Errno::INVAL].map(Errno::raw_os_error);
    error.errno().is_some_and(|errno| unknown.contains(&errno))
}

fn expression(name: &str, data: &Attributes) -> Attributes {
    Attributes::default().text(1, name).nest(2, data)
}

/// Loads `length` bytes of a header into the first register.
fn payload(base: u32, offset: u32, length: u32) -> Attributes {
    let data = Attributes::default().number(1, 1).number(2, base).number(3, offset).number(4, length);
    expression("payload", &data)
}

/// Goes on to the next rule unless the first register holds `value`, or something else.
fn compare(operator: u32, value: &[u8]) -> Attributes {
    let value = Attributes::default().bytes(1, value);
    expression("cmp", &Attributes::default().number(1, 1).number(2, operator).nest(3, &value))
}

fn immediate(register: u32, value: &[u8]) -> Attributes {
    let value = Attributes::default().bytes(1, value);
    expression("immediate", &Attributes::default().number(1, register).nest(2, &value))
}

/// `dnat to` the address in the first register and the port in the second.
fn destination_nat() -> Attributes {
    let data = Attributes::default().number(1, 1).number(2, NFPROTO_IPV4.into()).number(3, 1).number(5, 2);
    expression("nat", &data)
}

#[cfg(test)]
mod tests;
