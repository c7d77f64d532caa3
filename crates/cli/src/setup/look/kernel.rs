//! What the kernel makes, tried where nobody else sees it.

use super::program;
use crate::{
    cli::wait_for,
    setup::facts::{Feature, Trial},
};
use std::{net::Ipv4Addr, thread};
use weft_netlink::{Namespace, NetlinkError, NewLink, Request, Socket, unshare_network};

/// Asks for one of each, on a thread with a network namespace of its own, which ends with all that is in it.
pub(super) fn try_out() -> Vec<Trial> {
    let trial = thread::spawn(|| {
        if let Err(error) = unshare_network() {
            return vec![Trial { what: Feature::Namespaces, result: Err(error.to_string()) }];
        }
        Feature::ALL
            .map(|what| Trial { what, result: make(what).map_err(|error| error.to_string()) })
            .to_vec()
    });
    trial.join().unwrap_or_default()
}

fn make(what: Feature) -> anyhow::Result<()> {
    let new = |name| NewLink { name, mac: None, mtu: 1400 };
    match what {
        Feature::Namespaces => Ok(()),
        Feature::Bridge => link(|_, _| Ok(new("bridge").bridge())),
        Feature::Veth => link(|_, here| Ok(new("one").veth(&new("other"), here))),
        Feature::Vxlan => link(|socket, here| {
            let here = socket.namespace_id(here)?;
            Ok(new("vxlan").vxlan(256, Ipv4Addr::LOCALHOST.into(), 4789, here))
        }),
        Feature::NftProgram => nft("--version"),
        Feature::Nftables => nft(weft_datapath::SAMPLE_RULES),
    }
}

/// Asks for a link of the calling thread's namespace.
pub(in crate::setup) fn link(
    request: impl FnOnce(&mut Socket, &Namespace) -> Result<Request, NetlinkError>,
) -> anyhow::Result<()> {
    let here = Namespace::current()?;
    let mut socket = Socket::open()?;
    let request = request(&mut socket, &here)?;
    Ok(socket.request(request)?)
}

/// Runs nft in the calling thread's namespace.
fn nft(argument: &str) -> anyhow::Result<()> {
    wait_for(async { Ok(program::output("nft", &[argument]).await?) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_tried() {
        // Without root there is one answer, and it says why.
        let trials = try_out();
        let namespaces = &trials[0];
        assert_eq!(namespaces.what, Feature::Namespaces);
        if rustix::process::geteuid().is_root() {
            assert_eq!((trials.len(), &namespaces.result), (6, &Ok(())), "{trials:?}");
        } else {
            assert!(trials.len() == 1 && namespaces.result.is_err(), "{trials:?}");
        }
    }
}
