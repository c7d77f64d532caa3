//! What a process is to be.

use crate::session::Session;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// The longest host name Linux has, in bytes (`__NEW_UTS_LEN`, include/uapi/linux/utsname.h).
const MAX_HOSTNAME: usize = 64;

/// A process to start.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its id, for messages.
    pub id: String,
    /// Its name, which becomes its host name: at most 64 bytes.
    pub name: String,
    /// Its network namespace, as an absolute path, made for this process alone: when the command ends,
    /// **everything** in this namespace is killed, so that nothing keeps it alive.
    pub netns: PathBuf,
    /// The program, looked up in its own `PATH`, and its arguments.
    pub command: Vec<String>,
    /// Its environment, added to a minimal one: `PATH`, `HOME`, `HOSTNAME`.
    pub env: BTreeMap<String, String>,
    /// The directory it starts in, as an absolute path that exists.
    pub workdir: PathBuf,
    /// What it sees in other places.
    pub mounts: Vec<Mount>,
    /// What it sees as `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// What it sees as `/etc/hosts`.
    pub hosts: String,
    /// How many files it may have open (the soft limit; it can raise that itself); none: the limit of the process that
    /// starts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Who speaks with it; none: nobody does, and its input is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
}

/// A file or directory of this host, with all that is mounted below it, seen in another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is seen, as an absolute path that exists.
    pub source: PathBuf,
    /// Where, as an absolute path that exists: the file system is this host's, and weft changes nothing there.
    pub target: PathBuf,
    /// Whether it is protected from changes there.
    pub read_only: bool,
}

/// Why a [`Spec`] cannot be carried out on any host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpec {
    /// No program.
    #[error("there is no command to run")]
    NoCommand,
    /// An empty or too long host name.
    #[error("{0:?} cannot be a host name: it must have 1 to {MAX_HOSTNAME} bytes")]
    Name(String),
    /// A path that depends on where the agent happens to be.
    #[error("the {what} {} must be an absolute path", path.display())]
    Relative {
        /// Which one.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// A mount where the shim itself looks.
    #[error("nothing can be mounted at {}: weft needs this host's /proc to look after the process", .0.display())]
    Proc(PathBuf),
    /// A variable the kernel cannot pass on.
    #[error("{0:?} cannot be the name of an environment variable: it is empty, or contains '='")]
    Variable(String),
    /// A byte that ends a string in the kernel's eyes.
    #[error("the {0} contains a NUL byte")]
    Nul(&'static str),
}

impl Spec {
    /// Checks what can be checked before anything is touched.
    pub(crate) fn check(&self) -> Result<(), InvalidSpec> {
        if self.command.first().is_none_or(String::is_empty) {
            return Err(InvalidSpec::NoCommand);
        }
        if self.name.is_empty() || self.name.len() > MAX_HOSTNAME {
            return Err(InvalidSpec::Name(self.name.clone()));
        }
        absolute("network namespace", &self.netns)?;
        absolute("working directory", &self.workdir)?;
        for mount in &self.mounts {
            absolute("source of a mount", &mount.source)?;
            absolute("target of a mount", &mount.target)?;
            if mount.target.starts_with("/proc") {
                return Err(InvalidSpec::Proc(mount.target.clone()));
            }
        }
        if let Some(name) = self.env.keys().find(|name| name.is_empty() || name.contains('=')) {
            return Err(InvalidSpec::Variable(name.clone()));
        }
        if self.command.iter().any(|word| word.contains('\0')) {
            return Err(InvalidSpec::Nul("command"));
        }
        if self.env.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(InvalidSpec::Nul("environment"));
        }
        if let Some(session) = &self.session {
            absolute("socket", &session.socket)?;
        }
        if self.name.contains('\0') {
            return Err(InvalidSpec::Nul("name"));
        }
        Ok(())
    }

    /// The whole environment: what is asked for, and what every program expects, as Docker sets it.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let minimal = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("HOSTNAME", &self.name),
        ];
        let mut env: BTreeMap<_, _> =
            minimal.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        env.extend(self.env.clone());
        env
    }
}

fn absolute(what: &'static str, path: &Path) -> Result<(), InvalidSpec> {
    if path.is_absolute() { Ok(()) } else { Err(InvalidSpec::Relative { what, path: path.to_owned() }) }
}

/// Without the values of its environment, which may be secrets.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("netns", &self.netns)
            .field("command", &self.command)
            .field("env", &self.env.keys())
            .field("workdir", &self.workdir)
            .field("mounts", &self.mounts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            id: "0123".into(),
            name: "web".into(),
            netns: "/run/netns/web".into(),
            command: vec!["nginx".into()],
            env: BTreeMap::from([("TOKEN".into(), "hunter2".into())]),
            workdir: "/".into(),
            mounts: Vec::new(),
            resolv_conf: String::new(),
            hosts: String::new(),
            open_files: None,
            session: None,
        }
    }

    #[test]
    fn says_what_no_host_could_do() {
        let why = |change: fn(&mut Spec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.check().unwrap_err().to_string()
        };
        assert_eq!(spec().check(), Ok(()));
        assert_eq!(why(|s| s.command.clear()), "there is no command to run");
        assert_eq!(why(|s| s.workdir = "src".into()), "the working directory src must be an absolute path");
        assert!(why(|s| s.name = "a".repeat(65)).contains("cannot be a host name"));
        assert!(why(|s| drop(s.env.insert("A=B".into(), String::new()))).contains("contains '='"));
        assert_eq!(why(|s| s.command.push("a\0b".into())), "the command contains a NUL byte");
    }

    #[test]
    fn the_environment_asked_for_wins() {
        let mut spec = spec();
        spec.env.insert("HOME".into(), "/srv".into());
        let env = spec.environment();
        assert_eq!(env["HOME"], "/srv");
        assert_eq!(env["HOSTNAME"], "web");
        assert!(env["PATH"].contains("/usr/bin"));
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        let shown = format!("{:?}", spec());
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }
}
