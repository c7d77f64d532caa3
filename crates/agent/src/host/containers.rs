//! Which container the processes in a network namespace are of.

use std::{
    cmp::Reverse,
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use weft_netlink::Namespace;

/// How long it may take: the caller holds up a container's start, and can find out in another way.
const DEADLINE: Duration = Duration::from_millis(500);
/// Bytes read of a list of control groups. There are about a dozen, each with a path of at most 4 KiB.
const LONGEST: u64 = 64 << 10;

/// The id of the container of the first process in the namespace at `netns` that is in one; none if there is no
/// such process. Blocks: it looks at every process of this host.
pub(super) fn container_in(netns: &Path) -> Option<String> {
    let deadline = Instant::now() + DEADLINE;
    let namespace = Namespace::open(netns).and_then(|namespace| namespace.inode()).ok()?;
    newest_first()
        .into_iter()
        .map(|process| PathBuf::from(format!("/proc/{process}")))
        .take_while(|_| Instant::now() < deadline)
        // Processes end while they are looked at.
        .filter(|path| fs::metadata(path.join("ns/net")).is_ok_and(|network| network.ino() == namespace))
        .find_map(|path| {
            // All of it in one read, as a rule.
            let mut groups = Vec::with_capacity(4096);
            File::open(path.join("cgroup")).ok()?.take(LONGEST).read_to_end(&mut groups).ok()?;
            container_of(&String::from_utf8_lossy(&groups))
        })
}

/// The processes of this host. Those of a container that is being started are the newest.
fn newest_first() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut processes: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    processes.sort_unstable_by_key(|process| Reverse(*process));
    processes
}

/// The container that a process is of, by its control groups as cgroups(7) has them: `4:memory:/docker/<id>`,
/// `0::/system.slice/docker-<id>.scope`. A container may have groups of its own below.
fn container_of(groups: &str) -> Option<String> {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut components = paths.flat_map(|path| path.rsplit('/'));
    components.find_map(container_id).map(ToOwned::to_owned)
}

/// The id that engines call a control group by.
fn container_id(component: &str) -> Option<&str> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let id = name.rsplit('-').next()?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (id.len() == 64 && id.bytes().all(is_digit)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id() -> String {
        "0123456789abcdef".repeat(4)
    }

    #[test]
    fn engines_call_groups_by_their_containers() {
        for path in [
            "12:pids:/docker/ID\n1:name=systemd:/docker/ID\n0::/",
            "0::/system.slice/docker-ID.scope",
            "0::/user.slice/user-1000.slice/libpod-ID.scope/container",
            "0::/docker/ID/init.scope",
            "5:cpu,cpuacct:/weft-lab-77/host1/ID",
            "3:net:/\n2:cpu:/system.slice\n1:memory:/docker/ID",
        ] {
            assert_eq!(container_of(&path.replace("ID", &id())), Some(id()), "{path}");
        }
    }

    #[test]
    fn an_engine_in_a_container_calls_them_by_its_own() {
        let outer = "f".repeat(64);
        assert_eq!(container_of(&format!("0::/docker/{outer}/docker/{}", id())), Some(id()));
    }

    #[test]
    fn other_groups_are_nobodys() {
        for groups in ["", "0::/", "0::/user.slice/session-1.scope", "0::/docker/", "nonsense", "1:a"] {
            assert_eq!(container_of(groups), None, "{groups}");
        }
        assert_eq!(container_of(&format!("0::/docker/{}", id().to_uppercase())), None);
        assert_eq!(container_of(&format!("0::/docker/{}0", id())), None);
        assert_eq!(container_of(&format!("docker/{}", id())), None);
    }

    proptest! {
        #[test]
        fn whatever_the_groups_are_an_id_is_one(groups in "([0-9]:|[a-f0-9]{64}|/|docker-|\\.scope|\\n|\\PC)*") {
            if let Some(id) = container_of(&groups) {
                prop_assert!(id.len() == 64 && groups.contains(&id));
            }
        }
    }
}
