//! The mounts this process sees: proc_pid_mountinfo(5).

use rustix::mount::MountFlags;
use std::{
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
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

/// `36 35 98:0 /root /target rw,nosuid shared:1 - ext4 /dev/sda1 rw`
fn parse(line: &[u8]) -> Option<Mounted> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = unescape(fields.nth(3)?);
    let target = unescape(fields.next()?);
    let flags = fields.next()?.split(|byte| *byte == b',').map(flag).collect();
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mounted { root, target, flags, kind: String::from_utf8_lossy(kind).into_owned() })
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
