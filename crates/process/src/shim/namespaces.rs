//! The namespaces: network, mount, UTS.

use crate::{
    Spec,
    error::Failure,
    mountinfo,
    sweep::{NamespaceId, namespace_id},
};
use rustix::{
    mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount},
    system::sethostname,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use std::{fs::File, os::fd::AsFd};

/// Enters the network namespace, and new mount and UTS namespaces.
pub(super) fn enter(spec: &Spec) -> Result<NamespaceId, Failure> {
    let network = enter_network(spec)?;
    unshare_mount_uts()?;
    // What the host mounts and unmounts later is seen here too, and nothing the other way round.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(Failure::because("keep its mounts from the host"))?;
    forget_networks()?;
    sethostname(spec.name.as_bytes())
        .map_err(Failure::because(format!("set the host name {:?}", spec.name)))?;
    Ok(network)
}

fn enter_network(spec: &Spec) -> Result<NamespaceId, Failure> {
    let path = spec.netns.display();
    let cannot = || Failure::because::<std::io::Error>(format!("enter the network namespace {path}"));
    let namespace = File::open(&spec.netns).map_err(cannot())?;
    let id = namespace_id(&spec.netns).map_err(cannot())?;
    // All in it is killed in the end.
    if namespace_id("/proc/self/ns/net").map_err(cannot())? == id {
        return Err(Failure::new(format!(
            "{path} is the host's own network namespace; it needs one to itself"
        )));
    }
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| cannot()(error.into()))?;
    Ok(id)
}

#[allow(deprecated)]
fn unshare_mount_uts() -> Result<(), Failure> {
    use rustix::thread::{UnshareFlags, unshare};
    unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS)
        .map_err(Failure::because("make mount and UTS namespaces"))
}

/// Unmounts, here, the files that keep network namespaces alive. Otherwise, where mounts are private, this
/// process would keep every network namespace there is now, long after its owner removed it.
fn forget_networks() -> Result<(), Failure> {
    let mounts = mountinfo::read().map_err(Failure::because("read /proc/self/mountinfo"))?;
    let networks = mounts
        .iter()
        .filter(|mount| mount.kind == "nsfs" && mount.root.to_string_lossy().starts_with("net:"));
    for mount in networks {
        // One that is gone, or that another mount covers, is out of the way as well.
        let _ = unmount(&mount.target, UnmountFlags::DETACH);
    }
    Ok(())
}
