//! `-v SRC:DST[:ro]`.

use super::shown;
use crate::Mount;
use std::{
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// A mount as people write it: `SRC:DST`, `SRC:DST:ro` or `SRC:DST:rw`, both absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountArg(pub Mount);

/// Why a string is not a [`MountArg`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid mount {text:?}: {why}; expected SRC:DST or SRC:DST:ro, with absolute paths")]
pub struct InvalidMount {
    text: String,
    why: &'static str,
}

impl FromStr for MountArg {
    type Err = InvalidMount;
    fn from_str(text: &str) -> Result<Self, InvalidMount> {
        parse(text).map(Self).map_err(|why| InvalidMount { text: shown(text), why })
    }
}

fn parse(text: &str) -> Result<Mount, &'static str> {
    if text.contains('\0') {
        return Err("it contains a NUL byte");
    }
    let mut fields = text.split(':');
    let source = fields.next().unwrap_or_default();
    let target = fields.next().ok_or("it says only one path")?;
    let read_only = match fields.next() {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(_) => return Err("the third part can be only ro or rw, and paths cannot contain ':'"),
    };
    if fields.next().is_some() {
        return Err("it has more than three parts, and paths cannot contain ':'");
    }
    if !source.starts_with('/') {
        return Err("SRC is not an absolute path (weft has no named volumes)");
    }
    if !target.starts_with('/') {
        return Err("DST is not an absolute path");
    }
    let target = plain(target).ok_or("DST contains '..'")?;
    if target == Path::new("/") {
        return Err("DST cannot be /, which is this host's file system");
    }
    Ok(Mount { source: source.into(), target, read_only })
}

/// The path without repeated and trailing slashes, so that two that mean the same are the same.
fn plain(path: &str) -> Option<PathBuf> {
    Path::new(path).components().map(|part| (part != Component::ParentDir).then_some(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_docker_takes_them() {
        let parse = |text: &str| text.parse::<MountArg>().unwrap().0;
        let mount = |read_only| Mount { source: "/srv/www".into(), target: "/var/www".into(), read_only };
        assert_eq!(parse("/srv/www:/var/www"), mount(false));
        assert_eq!(parse("/srv/www:/var/www:rw"), mount(false));
        assert_eq!(parse("/srv/www:/var//www/:ro"), mount(true));
    }

    #[test]
    fn says_why_not() {
        let why = |text: &str| text.parse::<MountArg>().unwrap_err().to_string();
        assert!(why("/a").contains("only one path"));
        assert!(why("a:/b").contains("named volumes"));
        assert!(why("/a:b").contains("DST is not an absolute"));
        assert!(why("/a:/b:z").contains("only ro or rw"));
        assert!(why("/a:/b:ro:c").contains("more than three"));
        assert!(why("/a:/").contains("cannot be /"));
        assert!(why("/a:/b/../etc").contains("'..'"));
        assert!(why("").contains("only one path"));
    }

    proptest! {
        #[test]
        fn any_paths_come_through(source in "/[^:\0]{0,20}", target in "(/[a-z ]{1,8}){1,4}", read_only: bool) {
            let text = format!("{source}:{target}{}", if read_only { ":ro" } else { "" });
            let expected = Mount { source: source.into(), target: target.into(), read_only };
            prop_assert_eq!(text.parse::<MountArg>().unwrap().0, expected);
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            if let Ok(MountArg(mount)) = text.parse() {
                prop_assert!(mount.source.is_absolute() && mount.target.is_absolute());
            }
        }
    }
}
