//! Whether this host's kernel can encrypt: tried, in a network namespace that is gone afterwards.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};
use tokio::sync::oneshot;
use weft_model::chain;
use weft_netlink::{NetlinkError, NewLink, Socket, unshare_network};
use weft_verbs::{Error, Kind};

/// What the network is not, where it cannot be encrypted.
const NEVER_CLEAR: &str = "an encrypted network is never served in clear";

/// Why the kernel was not asked, or what it said.
#[derive(Debug, thiserror::Error)]
enum Unable {
    #[error("cannot make a network namespace")]
    Namespace(#[source] io::Error),
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// Whether it can.
///
/// # Errors
/// [`Kind::Forbidden`], saying what is missing and what to do.
pub(super) async fn can_encrypt() -> Result<(), Error> {
    /// That it could once: modules stay.
    static IT_CAN: AtomicBool = AtomicBool::new(false);
    if IT_CAN.load(Ordering::Relaxed) {
        return Ok(());
    }
    let refused = |why: String| {
        Err(Error::new(Kind::Forbidden, format!("this host cannot encrypt: {why}; {NEVER_CLEAR}")))
    };
    if !Path::new("/proc/sys/net/ipv6").exists() {
        return refused("IPv6, which the tunnels use inside, is switched off (ipv6.disable=1)".to_owned());
    }
    let (tell, hear) = oneshot::channel();
    let ask = move || {
        let device = NewLink { name: "wg-probe", mac: None, mtu: 1420 };
        let asked = unshare_network().map_err(Unable::Namespace);
        let asked = asked.and_then(|()| Ok(Socket::open()?.request(device.of_kind("wireguard"))?));
        // Nobody hears it if the agent is stopping.
        let _ = tell.send(asked);
    };
    let spawned = thread::Builder::new().name("encryption".into()).spawn(ask);
    spawned.map_err(|error| Error::internal("cannot start a thread", error))?;
    match hear.await.map_err(|error| Error::internal("cannot ask the kernel for WireGuard", error))? {
        Ok(()) => {
            IT_CAN.store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(Unable::Netlink(error)) if error.is_unsupported() => refused(
            "its kernel has no WireGuard. Load it with `modprobe wireguard`, or boot a kernel that has that module"
                .to_owned(),
        ),
        Err(error) => refused(format!("the kernel makes no WireGuard device: {}", chain(&error))),
    }
}
