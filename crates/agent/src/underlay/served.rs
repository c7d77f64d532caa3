//! The address that the other hosts look for the store at, which has to stay this host's.

use super::Underlay;
use crate::troubles::Troubles;
use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};
use tokio::sync::watch;

/// Under which name it is said what is wrong.
const TASK: &str = "store-serve";

/// Says, for as long as it is so, that this host serves the store at an address which it does not have any more. Safe to
/// cancel at any time.
pub(crate) async fn watch_address(
    at: SocketAddr,
    mut underlay: watch::Receiver<Underlay>,
    troubles: Arc<Troubles>,
) {
    loop {
        let now = SocketAddr::new(underlay.borrow_and_update().address, at.port());
        let gone = matches!(UdpSocket::bind((at.ip(), 0)), Err(error) if error.kind() == ErrorKind::AddrNotAvailable);
        troubles.set(TASK, gone.then(|| lost(at, now)));
        if underlay.changed().await.is_err() {
            return;
        }
    }
}

fn lost(at: SocketAddr, now: SocketAddr) -> String {
    format!(
        "the store is served on {at}, an address that this host does not have any more, so that no other host reaches it: give \
         this host that address again; or write store-serve = \"{now}\" into its /etc/weft/weft.toml, cluster-store = \
         \"weft://{now}\" into that of each other host, and restart the agents"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn an_address_that_is_gone_is_said_to_be() {
        let (here, gone) = (Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 0, 2, 77));
        for (ip, said) in [(here, false), (gone, true)] {
            let underlay = watch::Sender::new(Underlay::at(here.into()));
            let (troubles, seen) = (Arc::<Troubles>::default(), underlay.subscribe());
            drop(underlay);
            watch_address(SocketAddr::new(ip.into(), 8500), seen, Arc::clone(&troubles)).await;
            let all = troubles.all();
            assert_eq!(all.iter().any(|what| what.contains("127.0.0.1:8500")), said, "{all:?}");
        }
    }
}
