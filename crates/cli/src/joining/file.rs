//! The agent's configuration file, changed where it has to be, and left as it is elsewhere.

use crate::agent::{self, CONFIG_FILE};
use anyhow::Context;
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use toml_edit::{Array, DocumentMut, Item, Table, value};
use weft_agent::config::AgentConfig;

/// The options of the store, as a key.
const OPTIONS: &str = "cluster-store-opt";

/// A configuration file that is being changed.
pub(super) struct ConfigFile {
    path: PathBuf,
    document: DocumentMut,
    /// What is in it, if it is there.
    before: Option<String>,
    mode: u32,
}

impl ConfigFile {
    /// Reads the file, which need not be there.
    ///
    /// # Errors
    /// If it cannot be read, or is not valid.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        // It may be a link to where somebody keeps it.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (before, mode) = match fs::read_to_string(path) {
            Ok(text) => {
                (Some(text), fs::metadata(path).map_or(0o644, |found| found.permissions().mode() & 0o777))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => (None, 0o644),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let text = before.as_deref().unwrap_or_default();
        agent::parse_file(text).with_context(|| format!("{} is not valid", path.display()))?;
        let document = text.parse().with_context(|| format!("{} is not valid", path.display()))?;
        Ok(Self { path: path.to_owned(), document, before, mode })
    }

    /// Whether something is said there.
    pub(super) fn says(&self, key: &str) -> bool {
        self.document.contains_key(key)
    }

    /// Says something there, instead of what was said.
    pub(super) fn set(&mut self, key: &str, to: &str) {
        self.document[key] = value(to);
    }

    /// Says several things there, instead of what was said.
    pub(super) fn set_list(&mut self, key: &str, to: &[String]) {
        self.document[key] = value(to.iter().collect::<Array>());
    }

    /// Says a number there.
    pub(super) fn set_number(&mut self, key: &str, to: u16) {
        self.document[key] = value(i64::from(to));
    }

    /// Says nothing any more.
    pub(super) fn unset(&mut self, key: &str) {
        self.document.remove(key);
    }

    /// Says with which options to reach the store, `key=value` each, instead of those that were said.
    pub(super) fn set_options(&mut self, options: &[String]) {
        let mut table = Table::new();
        for (key, to) in options.iter().filter_map(|option| option.split_once('=')) {
            table[key] = value(to);
        }
        self.document.remove(OPTIONS);
        if !table.is_empty() {
            self.document[OPTIONS] = Item::Table(table);
        }
    }

    /// Adds options to those that were said.
    pub(super) fn add_options(&mut self, options: &[String]) {
        for (key, to) in options.iter().filter_map(|option| option.split_once('=')) {
            if !self.document.contains_key(OPTIONS) {
                self.document[OPTIONS] = Item::Table(Table::new());
            }
            self.document[OPTIONS][key] = value(to);
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The agent that it describes.
    ///
    /// # Errors
    /// If an agent would not start with it.
    pub(super) fn describes(&self) -> anyhow::Result<AgentConfig> {
        agent::described_by(&self.document.to_string())
    }

    /// Whether it says something else than the file does.
    pub(super) fn is_changed(&self) -> bool {
        self.before.as_ref().is_none_or(|before| *before != self.document.to_string())
    }

    /// Replaces the file, if something has changed: a reader finds the old one or the new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        if self.is_changed() { replace(&self.path, self.mode, &self.document.to_string()) } else { Ok(()) }
    }

    /// How to start an agent with it.
    pub(super) fn command(&self) -> String {
        if self.path == Path::new(CONFIG_FILE) {
            return "weft agent".to_owned();
        }
        format!("weft agent --config {}", self.path.display())
    }
}

/// Finds out whether the file can be replaced, and changes nothing.
///
/// # Errors
/// If it cannot.
pub(super) fn try_replacing(path: &Path) -> anyhow::Result<()> {
    let mut probe = path.as_os_str().to_owned();
    probe.push(".try");
    let probe = PathBuf::from(probe);
    let tried = replace(&probe, 0o600, "");
    // It is there only if that went well.
    let _ = fs::remove_file(&probe);
    tried
}

/// Replaces a file, and returns when that would survive the machine.
///
/// # Errors
/// If it cannot be written; the old one is there then.
pub(super) fn replace(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        fs::create_dir_all(directory)?;
        // What is there may be another's, or lead elsewhere.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(directory)?.sync_all()
    };
    let written = write().inspect_err(|_| drop(fs::remove_file(&temporary)));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_and_what_is_said_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weft.toml");
        let before = "# Mine.\nvxlan-port = 4790 # because\ncluster-store = \"etcd://old\"\n\n[cluster-store-opt]\nuser = \"me\"\n";
        fs::write(&path, before).unwrap();
        let mut file = ConfigFile::read(&path).unwrap();
        file.set("cluster-store", "consul://192.0.2.1:8500");
        file.set("cluster-advertise", "192.0.2.2");
        file.set_options(&["token-file=/etc/weft/store-token".to_owned(), "kv.path=x".to_owned()]);
        file.write().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("# Mine.") && text.contains("# because") && !text.contains("old"), "{text}");
        assert!(!text.contains("user"), "{text}");
        let again = ConfigFile::read(&path).unwrap();
        let options = again.describes().unwrap().store_options;
        assert_eq!(options.token_file, Some("/etc/weft/store-token".into()));
        assert_eq!(options.prefix.as_deref(), Some("x"));
        assert!(again.says("vxlan-port") && !again.says("store-serve"));
        assert!(file.is_changed() && !again.is_changed());
        // What says the same is not written again.
        fs::remove_file(&path).unwrap();
        again.write().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_the_package_is_good_to_write_to() {
        let text = include_str!("../../../../packaging/weft.toml");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weft.toml");
        fs::write(&path, text).unwrap();
        let mut file = ConfigFile::read(&path).unwrap();
        file.set("store-serve", "192.0.2.1:8500");
        file.add_options(&["token-file=/etc/weft/store-token".to_owned()]);
        file.write().unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains(text.lines().next().unwrap()));
        assert!(ConfigFile::read(&path).unwrap().says("store-serve"));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weft.toml");
        for bad in ["cluster-stroe = \"x\"", "= 1", "vxlan-port = 0"] {
            fs::write(&path, bad).unwrap();
            assert!(ConfigFile::read(&path).is_err(), "{bad}");
        }
    }
}
