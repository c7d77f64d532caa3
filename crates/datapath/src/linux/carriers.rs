//! Where the packets of a VXLAN device leave from: the namespace that its UDP socket is in.

use weft_netlink::{LinkKind, Namespace, NamespaceError, Socket, named_path};
use weft_plan::{Carrier, OwnNetns};

/// The namespaces that packets of segments leave from.
pub(super) struct Carriers {
    host: Namespace,
    tunnel: Option<Namespace>,
}

impl Carriers {
    /// Those there are now, for a thread that is in the host's namespace.
    pub(super) fn now() -> Result<Self, NamespaceError> {
        let tunnel = Namespace::open(named_path(&OwnNetns::Tunnel.to_string())).ok();
        Ok(Self { host: Namespace::current()?, tunnel })
    }

    /// The numbers that they have where the socket is, if there are `links` that may have been born in them.
    pub(super) fn numbers(&self, socket: &mut Socket, links: &[weft_netlink::Link]) -> Numbers {
        let born =
            || links.iter().filter(|link| matches!(link.kind, LinkKind::Vxlan(_))).map(|link| link.born_in);
        // A namespace without a number here has no devices here that were born in it.
        let host = born().next().and_then(|_| socket.namespace_id(&self.host).ok());
        let elsewhere = born().any(|born| born.is_some() && born != host);
        let tunnel = self.tunnel.as_ref().filter(|_| elsewhere);
        Numbers { host, tunnel: tunnel.and_then(|tunnel| socket.namespace_id(tunnel).ok()) }
    }
}

/// The numbers that they have in a namespace.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Numbers {
    host: Option<i32>,
    tunnel: Option<i32>,
}

impl Numbers {
    /// What carries the packets of a device; nothing if that is neither.
    pub(super) fn carrier(&self, link: &weft_netlink::Link) -> Option<Carrier> {
        match link.born_in? {
            number if Some(number) == self.host => Some(Carrier::Host),
            number if Some(number) == self.tunnel => Some(Carrier::Tunnel),
            _ => None,
        }
    }
}
