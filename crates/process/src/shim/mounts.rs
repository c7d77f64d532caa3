//! What the process sees in other places than the host does.

use super::etc::Etc;
use crate::{Spec, error::ShimFailure, mountinfo};
use rustix::{
    fd::OwnedFd,
    fs::CWD,
    io::Errno,
    mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount_remount, move_mount, open_tree},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file or directory on its way to where it will be seen.
struct Bind<'a> {
    tree: OwnedFd,
    source: &'a Path,
    target: &'a Path,
    read_only: bool,
}

/// Mounts what the spec asks for, in this mount namespace. The host's files stay as they are.
pub(super) fn apply(spec: &Spec) -> Result<Etc, ShimFailure> {
    let etc = Etc::new(spec);
    // All sources are opened first, before anything is mounted over them.
    let mut binds = Vec::new();
    for (source, target) in etc.files() {
        binds.push(Bind { tree: clone_tree(source)?, source, target, read_only: false });
    }
    for mount in &spec.mounts {
        let (source, target) = (mount.source.as_path(), mount.target.as_path());
        binds.push(Bind { tree: clone_tree(source)?, source, target, read_only: mount.read_only });
    }
    // A directory comes before what is inside it, in any order of the request.
    binds.sort_by_key(|bind| bind.target.components().count());
    for bind in &binds {
        attach(bind)?;
    }
    Ok(etc)
}

/// Mounts one file over another.
pub(super) fn bind(source: &Path, target: &Path) -> Result<(), ShimFailure> {
    attach(&Bind { tree: clone_tree(source)?, source, target, read_only: false })
}

fn clone_tree(source: &Path) -> Result<OwnedFd, ShimFailure> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    open_tree(CWD, source, flags)
        .map_err(ShimFailure::because(format!("open {}, the source of a mount", source.display())))
}

fn attach(bind: &Bind<'_>) -> Result<(), ShimFailure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    move_mount(&bind.tree, "", CWD, bind.target, flags).map_err(|error| explain(bind, error))?;
    if bind.read_only { protect(bind.target) } else { Ok(()) }
}

/// Makes a mount, and each below it, read-only. The file systems stay writable elsewhere.
fn protect(target: &Path) -> Result<(), ShimFailure> {
    let cannot = |error: std::io::Error| {
        ShimFailure::because(format!("make the mount at {} read-only", target.display()))(error)
    };
    let target = fs::canonicalize(target).map_err(cannot)?;
    for mount in mountinfo::read_tree(&target).map_err(cannot)? {
        // A remount sets all flags, so those there are have to be given again.
        let flags = mount.flags | MountFlags::BIND | MountFlags::RDONLY;
        mount_remount(&mount.target, flags, "").map_err(|error| cannot(error.into()))?;
    }
    Ok(())
}

fn explain(bind: &Bind<'_>, error: Errno) -> ShimFailure {
    let target = bind.target.display();
    let why = match error {
        Errno::NOENT => match dangling(bind.target) {
            Some(link) => format!(
                "on this host {target} leads to {}, which does not exist: create that file, which may be empty",
                link.display()
            ),
            None => format!(
                "{target} does not exist on this host, whose file system the process sees: create it first"
            ),
        },
        // What the kernel calls invalid: do_move_mount in fs/namespace.c.
        Errno::INVAL if bind.source.is_dir() != bind.target.is_dir() => {
            "one is a directory, the other is not".to_owned()
        }
        error => error.to_string(),
    };
    ShimFailure::new(format!("cannot mount {} at {target}: {why}", bind.source.display()))
}

/// Where a link leads that leads nowhere.
fn dangling(path: &Path) -> Option<PathBuf> {
    let link = fs::read_link(path).ok()?;
    Some(path.parent()?.join(link))
}
