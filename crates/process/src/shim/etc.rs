//! The process's own `/etc/resolv.conf` and `/etc/hosts`.

use super::mounts;
use crate::{
    Spec,
    files::{HOSTS, RESOLV_CONF},
    sweep::namespace_id as file_id,
};
use std::path::Path;

/// The files mounted over the host's: where they are in the process's directory, and where they are seen.
/// Where the host has a link, as systemd-resolved makes one, they are mounted where it leads.
const FILES: [(&str, &str); 2] = [(RESOLV_CONF, "/etc/resolv.conf"), (HOSTS, "/etc/hosts")];

/// What has to stay mounted.
pub(super) struct Etc {
    files: Vec<(&'static Path, &'static Path)>,
}

impl Etc {
    /// Both files, but for one that the process has a mount of its own for.
    pub(super) fn new(spec: &Spec) -> Self {
        let files = FILES.map(|(source, target)| (Path::new(source), Path::new(target))).into_iter();
        let own = |target| spec.mounts.iter().any(|mount| mount.target == target);
        Self { files: files.filter(|(_, target)| !own(*target)).collect() }
    }

    /// Source and target of each.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static Path, &'static Path)> {
        self.files.iter().copied()
    }

    /// Mounts again what has come loose; says whether all are in place now.
    ///
    /// When the host replaces its own file by another, as DHCP clients do with `/etc/resolv.conf`, the kernel
    /// takes away what is mounted on the old one in every namespace (`__detach_mounts`, fs/namespace.c), and
    /// the process would see the host's new one.
    pub(super) fn restore(&self) -> bool {
        self.files().all(|(source, target)| {
            let in_place = file_id(target).is_ok_and(|seen| file_id(source).is_ok_and(|ours| ours == seen));
            in_place || mounts::bind(source, target).is_ok()
        })
    }
}
