//! What is needed to recognise an nftables table without reading it back through `nft`, which takes 10 ms.

use crate::{
    NetlinkError,
    transport::{HEADER, Transport, attributes},
};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use netlink_sys::protocols::NETLINK_NETFILTER;

/// A table of the family `inet`, in outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NftTable {
    /// Its comment; empty if it has none.
    pub comment: String,
    /// The number of its rules.
    pub rules: usize,
}

// include/uapi/linux/netfilter/nfnetlink.h and nf_tables.h.
const NFNL_SUBSYS_NFTABLES: u16 = 10 << 8;
const NFT_MSG_NEWTABLE: u16 = NFNL_SUBSYS_NFTABLES;
const NFT_MSG_GETTABLE: u16 = NFNL_SUBSYS_NFTABLES | 1;
const NFT_MSG_NEWRULE: u16 = NFNL_SUBSYS_NFTABLES | 6;
const NFT_MSG_GETRULE: u16 = NFNL_SUBSYS_NFTABLES | 7;
const NFPROTO_INET: u8 = 1;
/// The same number in both kinds of message: NFTA_TABLE_NAME, NFTA_RULE_TABLE.
const NAME: u16 = 1;
const NFTA_TABLE_USERDATA: u16 = 6;
/// `struct nfgenmsg`, in bytes.
const GENERIC: usize = 4;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// The table `inet NAME` of the calling thread's network namespace; nothing if there is none.
///
/// # Errors
/// When the kernel refuses for another reason than that, or has no nftables (EOPNOTSUPP).
pub fn nft_table(name: &str) -> Result<Option<NftTable>, NetlinkError> {
    let mut transport = Transport::open(NETLINK_NETFILTER)?;
    transport.send(&request(NFT_MSG_GETTABLE, NLM_F_REQUEST, name))?;
    let mut comment = None;
    if let Err(e) = answers(&mut transport, false, |kind, body| {
        if kind == NFT_MSG_NEWTABLE {
            let data = attributes(body).find(|(kind, _)| *kind == NFTA_TABLE_USERDATA);
            comment = Some(data.and_then(|(_, data)| comment_of(data)).unwrap_or_default());
        }
    }) {
        return if e.errno() == Some(rustix::io::Errno::NOENT.raw_os_error()) { Ok(None) } else { Err(e) };
    }
    let Some(comment) = comment else { return Ok(None) };
    transport.send(&request(NFT_MSG_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, name))?;
    let mut rules = 0;
    answers(&mut transport, true, |kind, _| rules += usize::from(kind == NFT_MSG_NEWRULE))?;
    Ok(Some(NftTable { comment, rules }))
}

fn request(kind: u16, flags: u16, table: &str) -> Vec<u8> {
    let mut attribute = Vec::new();
    // Names are at most 255 bytes (NFT_NAME_MAXLEN), with their NUL.
    let length = u16::try_from(table.len() + 1 + 4).unwrap_or(u16::MAX);
    attribute.extend(length.to_ne_bytes());
    attribute.extend(NAME.to_ne_bytes());
    attribute.extend(table.as_bytes());
    attribute.resize(attribute.len() + 4 - table.len() % 4, 0);

    let mut message = Vec::new();
    let length = u32::try_from(HEADER + GENERIC + attribute.len()).unwrap_or(u32::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Sequence number and port; one request at a time needs neither.
    message.extend([0; 8]);
    message.extend([NFPROTO_INET, 0, 0, 0]);
    message.extend(attribute);
    message
}

/// Hands each object of the answer to `object`, until its end.
fn answers(
    transport: &mut Transport,
    dump: bool,
    mut object: impl FnMut(u16, &[u8]),
) -> Result<(), NetlinkError> {
    loop {
        for message in transport.receive()? {
            let kind = u16::from_ne_bytes([message[4], message[5]]);
            let body = message.get(HEADER..).unwrap_or_default();
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let errno = body.first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code));
                    let refused = NetlinkError::Refused { errno: errno.saturating_neg(), message: None };
                    return if errno == 0 { Ok(()) } else { Err(refused) };
                }
                _ => object(kind, body.get(GENERIC..).unwrap_or_default()),
            }
            if !dump {
                return Ok(());
            }
        }
    }
}

/// The comment among a table's user data: entries of a byte for the kind, a byte for the length, and the
/// value (libnftnl `udata.h`; kind 0 is NFTNL_UDATA_TABLE_COMMENT).
fn comment_of(mut data: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = data {
        let value = rest.get(..usize::from(*length))?;
        if *kind == 0 {
            return Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
        }
        data = rest.get(usize::from(*length)..)?;
    }
    None
}
