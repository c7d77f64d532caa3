//! The mounts this process sees: proc_pid_mountinfo(5).

use rustix::mount::MountFlags;
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// What it is called in this file.
    id: u32,
    /// The mount it is on.
    parent: u32,
    /// Which part of its file system it shows.
    pub(crate) root: PathBuf,
    /// Where it is.
    pub(crate) target: PathBuf,
    /// Its own flags, as opposed to its file system's.
    pub(crate) flags: MountFlags,
    /// The file system's type.
    pub(crate) kind: String,
}

/// Every mount of this process's namespace, a covered one before what covers it.
pub(crate) fn read() -> io::Result<Vec<Mounted>> {
    Ok(fs::read("/proc/self/mountinfo")?.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// The uppermost mount at `target` and those on it, but not what it covers, which no path leads to any more.
pub(crate) fn read_tree(target: &Path) -> io::Result<Vec<Mounted>> {
    Ok(tree(read()?, target))
}

fn tree(mounts: Vec<Mounted>, target: &Path) -> Vec<Mounted> {
    let top = mounts.iter().rev().find(|mount| mount.target == target);
    let mut ids = BTreeSet::from_iter(top.map(|top| top.id));
    // What was just mounted is a copy, and a mount is copied before those on it.
    let mut belongs =
        |mount: &Mounted| ids.contains(&mount.id) || (ids.contains(&mount.parent) && ids.insert(mount.id));
    mounts.into_iter().filter(|mount| belongs(mount)).collect()
}

/// `36 35 98:0 /root /target rw,nosuid shared:1 - ext4 /dev/sda1 rw`
fn parse(line: &[u8]) -> Option<Mounted> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (id, parent) = (number()?, number()?);
    let root = unescape(fields.nth(1)?);
    let target = unescape(fields.next()?);
    let flags = fields.next()?.split(|byte| *byte == b',').map(flag).collect();
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mounted { id, parent, root, target, flags, kind: String::from_utf8_lossy(kind).into_owned() })
}

/// `show_vfsmnt` in fs/proc_namespace.c.
fn flag(name: &[u8]) -> MountFlags {
    match name {
        b"ro" => MountFlags::RDONLY,
        b"nosuid" => MountFlags::NOSUID,
        b"nodev" => MountFlags::NODEV,
        b"noexec" => MountFlags::NOEXEC,
        b"noatime" => MountFlags::NOATIME,
        b"nodiratime" => MountFlags::NODIRATIME,
        b"relatime" => MountFlags::RELATIME,
        _ => MountFlags::empty(),
    }
}

/// Blanks, tabs, newlines and backslashes are written as `\ooo`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        let code = octal.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    Path::new(&OsString::from_vec(bytes)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_kernels_lines() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402 rw,nosuid,relatime master:1 shared:2 - ext3 /dev/root rw";
        assert_eq!(
            parse(line),
            Some(Mounted {
                id: 36,
                parent: 35,
                root: "/mnt1".into(),
                target: "/mnt 2".into(),
                flags: MountFlags::NOSUID | MountFlags::RELATIME,
                kind: "ext3".into(),
            })
        );
        let line = b"524 23 0:4 net:[4026532281] /run/netns/a rw shared:216 - nsfs nsfs rw";
        assert_eq!(parse(line).unwrap().root, Path::new("net:[4026532281]"));
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn a_tree_is_without_what_it_covers() {
        let lines = [
            "1 0 8:1 / / rw - ext4 a rw",
            "2 1 8:2 / /mnt rw - ext4 b rw",
            "3 2 8:3 / /mnt/covered rw - ext4 c rw",
            "4 2 8:1 /usr /mnt rw - ext4 a rw",
            "5 4 8:4 / /mnt/below rw - ext4 d rw",
        ];
        let mounts = lines.iter().filter_map(|line| parse(line.as_bytes())).collect();
        let ids: Vec<_> = tree(mounts, Path::new("/mnt")).iter().map(|mount| mount.id).collect();
        assert_eq!(ids, [4, 5]);
    }

    #[test]
    fn this_machines_are_readable() {
        assert!(read().unwrap().iter().any(|mount| mount.target == Path::new("/")));
    }

    proptest! {
        #[test]
        fn never_panics(line: Vec<u8>) {
            let _ = parse(&line);
        }

        #[test]
        fn unescapes_what_the_kernel_escapes(path in "/[a-z \t\n\\\\0-9]*") {
            let escaped: String = path.chars().map(|c| match c {
                ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", c as u32),
                c => c.to_string(),
            }).collect();
            prop_assert_eq!(unescape(escaped.as_bytes()), Path::new(&path));
        }
    }
}
