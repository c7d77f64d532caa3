//! What is needed to recognise an nftables table without reading it back through `nft`.

use super::message::{
    Attributes, GENERIC, NFPROTO_INET, NFT_MSG_GETRULE, NFT_MSG_GETTABLE, NFT_MSG_NEWRULE, NFT_MSG_NEWTABLE,
    message,
};
use crate::{
    NetlinkError,
    transport::{HEADER, Header, INTERRUPTED, Transport, attributes, error_number},
};
use netlink_packet_core::{NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP};
use netlink_sys::protocols::NETLINK_NETFILTER;

/// A table, in outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NftTable {
    /// Its comment; empty if it has none.
    pub comment: String,
    /// The number of its rules.
    pub rules: usize,
}

/// The same number in both kinds of message: NFTA_TABLE_NAME, NFTA_RULE_TABLE.
const NAME: u16 = 1;
const NFTA_TABLE_USERDATA: u16 = 6;

/// The table `inet NAME` of the calling thread's network namespace; nothing if there is none.
///
/// # Errors
/// When the kernel refuses for another reason than that, or has no nftables (EOPNOTSUPP).
pub fn nft_table(name: &str) -> Result<Option<NftTable>, NetlinkError> {
    table_of(NFPROTO_INET, name)
}

/// The same of another family.
pub(super) fn table_of(family: u8, name: &str) -> Result<Option<NftTable>, NetlinkError> {
    let mut transport = Transport::open(NETLINK_NETFILTER)?;
    let table = Attributes::default().text(NAME, name);
    transport.send(&message(NFT_MSG_GETTABLE, 0, family, &table))?;
    let mut comment = None;
    if let Err(e) = answers(&mut transport, false, |kind, body| {
        if kind == NFT_MSG_NEWTABLE {
            comment = Some(comment_in(body));
        }
        Ok(())
    }) {
        return if e.errno() == Some(rustix::io::Errno::NOENT.raw_os_error()) { Ok(None) } else { Err(e) };
    }
    let Some(comment) = comment else { return Ok(None) };
    transport.send(&message(NFT_MSG_GETRULE, NLM_F_DUMP, family, &table))?;
    let mut rules = 0;
    answers(&mut transport, true, |kind, _| {
        rules += usize::from(kind == NFT_MSG_NEWRULE);
        Ok(())
    })?;
    Ok(Some(NftTable { comment, rules }))
}

/// Hands each object of the answer to `object`, until its end. Says whether it is whole: false if the kernel says that
/// the table changed while it was read.
pub(crate) fn answers(
    transport: &mut Transport,
    dump: bool,
    mut object: impl FnMut(u16, &[u8]) -> Result<(), NetlinkError>,
) -> Result<bool, NetlinkError> {
    let mut whole = true;
    loop {
        for message in transport.receive()? {
            whole &= Header::of(message).is_none_or(|header| header.flags & INTERRUPTED == 0);
            match read(message) {
                Answer::End(result) => return result.map(|()| whole),
                Answer::Object(kind, body) => object(kind, body)?,
            }
            if !dump {
                return Ok(whole);
            }
        }
    }
}

enum Answer<'m> {
    /// There is no more.
    End(Result<(), NetlinkError>),
    /// A message of this kind, with these attributes.
    Object(u16, &'m [u8]),
}

/// Reads a message, which has a header.
fn read(message: &[u8]) -> Answer<'_> {
    match Header::of(message).map_or(NLMSG_NOOP, |header| header.kind) {
        NLMSG_DONE | NLMSG_ERROR => {
            let refused = |errno| Err(NetlinkError::Refused { errno, message: None });
            Answer::End(error_number(message).map_or(Ok(()), refused))
        }
        kind => Answer::Object(kind, message.get(HEADER + GENERIC..).unwrap_or_default()),
    }
}

/// The comment of the table that a message is about; nothing if it is about none.
pub(crate) fn comment(message: &[u8]) -> Option<String> {
    match read(message) {
        Answer::Object(NFT_MSG_NEWTABLE, body) => Some(comment_in(body)),
        _ => None,
    }
}

fn comment_in(table: &[u8]) -> String {
    let data = attributes(table).find(|(kind, _)| *kind == NFTA_TABLE_USERDATA);
    data.and_then(|(_, data)| comment_of(data)).unwrap_or_default()
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
