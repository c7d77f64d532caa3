//! A kernel that `scripts/vm-kernels` unpacked.

use std::{
    env, fs,
    path::{Path, PathBuf},
};
use weft_testbed::{checkout, need, tool};

/// A kernel of Debian's, with its modules.
pub(crate) struct Kernel {
    /// What `uname -r` says there.
    pub(crate) release: String,
    /// The directory of its modules.
    pub(crate) modules: PathBuf,
    /// What boots.
    pub(crate) image: PathBuf,
}

impl Kernel {
    /// The kernel of this version. `None`: the test is to be skipped, which was said then.
    #[track_caller]
    pub(crate) fn of_debian(version: &str) -> Option<Self> {
        if !(cfg!(target_arch = "x86_64") && debian()) {
            // Nothing that could be installed.
            eprintln!(
                "SKIPPED: this test boots Debian's kernels for amd64, and this machine has other packages"
            );
            return None;
        }
        let programs = ["qemu-system-x86_64", "cpio", "depmod", "setpriv"];
        let missing: Vec<_> = programs.into_iter().filter(|program| tool(program).is_none()).collect();
        let unpacked = Self::in_tree(&tools().join("kernels").join(version));
        let fetch = format!("Debian's kernel {version}: scripts/vm-kernels {version}");
        let able = need(&format!("{} (scripts/tools)", missing.join(", ")), missing.is_empty())
            && need("scripts/tools to have been run", tool("consul").is_some())
            && need(&fetch, unpacked.is_some());
        unpacked.filter(|_| able)
    }

    /// What is unpacked in `tree`.
    fn in_tree(tree: &Path) -> Option<Self> {
        let modules = fs::read_dir(tree.join("lib/modules")).ok()?.next()?.ok()?;
        let release = modules.file_name().into_string().ok()?;
        let image = tree.join(format!("boot/vmlinuz-{release}"));
        Some(Self { release, modules: modules.path(), image }).filter(|kernel| kernel.image.is_file())
    }
}

/// Where `scripts/tools` unpacked things.
pub(crate) fn tools() -> PathBuf {
    env::var_os("WEFT_TOOLS").map_or_else(|| checkout().join("target/tools"), PathBuf::from)
}

/// Whether this machine's packages are Debian's.
fn debian() -> bool {
    fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.lines().any(|line| line.trim_matches('"') == "ID=debian"))
}
