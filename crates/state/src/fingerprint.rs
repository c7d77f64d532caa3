//! What tells one machine, and one run of it, from another: a data directory can be copied, these cannot be all at once.

use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// Where a data directory is. What this machine does not tell is absent, and says nothing either way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fingerprint {
    /// `/etc/machine-id` (machine-id(5)): the installation of the operating system. A copied disk has the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// `product_uuid` of the firmware's tables (SMBIOS, System Information): the machine, or the virtual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_uuid: Option<String>,
    /// `/proc/sys/kernel/random/boot_id` (random(4)): from one start of the kernel to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The directory's file `lock`. A directory that was copied file by file has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Inode>,
}

/// A file, under any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    /// The device it is on. Kernels number devices as they find them: it says nothing after a reboot.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, where the file system notes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<i64>,
}

/// How a data directory is not where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryMove {
    /// It is: the agent was restarted.
    No,
    /// The machine was rebooted. A copy of a whole virtual machine may look the same.
    Rebooted,
    /// It was copied, restored or moved: what differs, for people.
    Elsewhere(Vec<&'static str>),
}

impl Fingerprint {
    /// What this machine says of itself, and where the file at `lock` is.
    pub fn of_this_machine(lock: &Path) -> Self {
        Self {
            machine_id: line("/etc/machine-id"),
            product_uuid: line("/sys/class/dmi/id/product_uuid"),
            boot_id: line("/proc/sys/kernel/random/boot_id"),
            lock: Inode::of(lock),
        }
    }

    /// How this differs from what it was `before`.
    pub fn moved_since(&self, before: &Self) -> DirectoryMove {
        let rebooted = differ(self.boot_id.as_ref(), before.boot_id.as_ref());
        let lock = self.lock.zip(before.lock).is_some_and(|(now, then)| now.is_another(then, rebooted));
        let different = [
            (differ(self.machine_id.as_ref(), before.machine_id.as_ref()), "the machine-id"),
            (differ(self.product_uuid.as_ref(), before.product_uuid.as_ref()), "the machine's UUID"),
            (lock, "the place of the data directory on its disk"),
        ];
        let different: Vec<_> = different.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
        match (different.is_empty(), rebooted) {
            (false, _) => DirectoryMove::Elsewhere(different),
            (true, true) => DirectoryMove::Rebooted,
            (true, false) => DirectoryMove::No,
        }
    }
}

impl Inode {
    fn of(path: &Path) -> Option<Self> {
        use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
        let asked = StatxFlags::INO | StatxFlags::BTIME;
        let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, asked).ok()?;
        let born = i64::from(found.stx_btime.tv_nsec)
            .checked_add(found.stx_btime.tv_sec.checked_mul(1_000_000_000)?);
        Some(Self {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            born: born.filter(|_| found.stx_mask & StatxFlags::BTIME.bits() != 0),
        })
    }

    fn is_another(self, then: Self, rebooted: bool) -> bool {
        self.inode != then.inode
            || self.born.zip(then.born).is_some_and(|(now, then)| now != then)
            || !rebooted && self.device != then.device
    }
}

/// Whether both are known, and not the same.
fn differ(now: Option<&String>, then: Option<&String>) -> bool {
    now.zip(then).is_some_and(|(now, then)| now != then)
}

/// The one line of a small file; none where there is nothing to read.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty() && line != "uninitialized").then(|| line.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somewhere() -> Fingerprint {
        Fingerprint {
            machine_id: Some("m".into()),
            product_uuid: Some("p".into()),
            boot_id: Some("b".into()),
            lock: Some(Inode { device: 1, inode: 2, born: Some(3) }),
        }
    }

    #[test]
    fn a_restart_a_reboot_and_a_copy() {
        let before = somewhere();
        let lock = |device, inode, born| Some(Inode { device, inode, born });
        let rebooted = Fingerprint { boot_id: Some("c".into()), lock: lock(7, 2, Some(3)), ..somewhere() };
        assert_eq!(somewhere().moved_since(&before), DirectoryMove::No);
        assert_eq!(rebooted.moved_since(&before), DirectoryMove::Rebooted, "disks are numbered anew");
        let elsewhere = [
            Fingerprint { machine_id: Some("n".into()), ..somewhere() },
            Fingerprint { product_uuid: Some("q".into()), ..rebooted.clone() },
            Fingerprint { lock: lock(7, 2, Some(3)), ..somewhere() },
            Fingerprint { lock: lock(1, 3, Some(3)), ..rebooted.clone() },
            Fingerprint { lock: lock(1, 2, Some(4)), ..rebooted },
        ];
        for copy in elsewhere {
            assert!(
                matches!(copy.moved_since(&before), DirectoryMove::Elsewhere(what) if what.len() == 1),
                "{copy:?}"
            );
        }
    }

    #[test]
    fn what_is_not_known_says_nothing() {
        let nothing = Fingerprint::default();
        assert_eq!(nothing.moved_since(&somewhere()), DirectoryMove::No);
        assert_eq!(somewhere().moved_since(&nothing), DirectoryMove::No);
    }

    #[test]
    fn this_machine_is_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("lock"), dir.path().join("copy"));
        fs::write(&one, "").unwrap();
        fs::write(&other, "").unwrap();
        let before = Fingerprint::of_this_machine(&one);
        assert!(before.boot_id.is_some() && before.lock.is_some());
        assert_eq!(Fingerprint::of_this_machine(&one).moved_since(&before), DirectoryMove::No);
        assert!(matches!(
            Fingerprint::of_this_machine(&other).moved_since(&before),
            DirectoryMove::Elsewhere(_)
        ));
    }
}
