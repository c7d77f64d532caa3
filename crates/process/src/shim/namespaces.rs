//! The namespaces: network, mount, UTS.

use crate::{
    Spec,
    error::ShimFailure,
    mountinfo,
    sweep::{NamespaceId, foreign_network},
};
use rustix::{
    mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount},
    system::sethostname,
};
use std::{fs::File, io, os::fd::AsFd};

/// Enters the network namespace, and new mount and UTS namespaces.
pub(super) fn enter(spec: &Spec) -> Result<NamespaceId, ShimFailure> {
    let network = enter_network(spec)?;
    weft_netlink::unshare_mount_uts().map_err(ShimFailure::because("make mount and UTS namespaces"))?;
    // What the host mounts and unmounts later is seen here too, and nothing the other way round.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(ShimFailure::because("keep its mounts from the host"))?;
    forget_networks()?;
    sethostname(spec.name.as_bytes())
        .map_err(ShimFailure::because(format!("set the host name {:?}", spec.name)))?;
    Ok(network)
}

fn enter_network(spec: &Spec) -> Result<NamespaceId, ShimFailure> {
    let cannot = |error: io::Error| {
        ShimFailure::because(format!("enter the network namespace {}", spec.netns.display()))(error)
    };
    let id = foreign_network(&spec.netns).map_err(cannot)?;
    let namespace = File::open(&spec.netns).map_err(cannot)?;
    weft_netlink::enter_network(namespace.as_fd()).map_err(cannot)?;
    Ok(id)
}

/// Unmounts, here, the files that keep network namespaces alive. Otherwise, where the host's mounts are
/// private, this process would keep every namespace there is now, long after its owner removed it. (Where
/// they are shared, they go from here when they go there.)
fn forget_networks() -> Result<(), ShimFailure> {
    let mounts = mountinfo::read().map_err(ShimFailure::because("read /proc/self/mountinfo"))?;
    let networks = mounts
        .iter()
        .filter(|mount| mount.kind == "nsfs" && mount.root.to_string_lossy().starts_with("net:"));
    for mount in networks {
        // One that is gone, or that another mount covers, is out of the way as well.
        let _ = unmount(&mount.target, UnmountFlags::DETACH);
    }
    Ok(())
}
