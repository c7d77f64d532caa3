//! Links in namespaces of others, reached from this one without entering theirs.

use crate::{Link, NetlinkError, Socket, link::link};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage},
};

/// A link in another namespace, as this one knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// The number of that namespace here ([`Socket::namespace_id`]).
    pub namespace: i32,
    /// The number of the link there.
    pub index: u32,
}

impl Socket {
    /// A link in another namespace, made by any process, without entering the namespace; nothing if it is gone.
    ///
    /// # Errors
    /// When the kernel refuses for another reason.
    pub fn link_elsewhere(&mut self, at: Elsewhere) -> Result<Option<Link>, NetlinkError> {
        match self.get(RouteNetlinkMessage::GetLink(at.message())) {
            Ok(answer) => Ok(answer.and_then(link)),
            Err(e) if GONE.contains(&e.errno().unwrap_or_default()) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// What the kernel says of a link, or a namespace, that is not there.
const GONE: [i32; 2] = [rustix::io::Errno::NODEV.raw_os_error(), rustix::io::Errno::INVAL.raw_os_error()];

impl Elsewhere {
    /// IFLA_TARGET_NETNSID, as IFLA_IF_NETNSID is called now, says where to look when links are asked for (since Linux
    /// 4.15). Where they are set it says where to move one from here (`do_setlink`, net/core/rtnetlink.c).
    fn message(self) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = self.index;
        message.attributes.push(LinkAttribute::IfNetnsId(self.namespace));
        message
    }
}
