//! What a runtime says in the environment (CNI specification, section 2, "Parameters").

use super::failure::{Failure, code};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use weft_model::IfName;

/// The parameters.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) container: String,
    pub(super) netns: PathBuf,
    pub(super) interface: Option<IfName>,
    /// `CNI_ARGS`: what is for other plugins is there, too.
    pub(super) args: BTreeMap<String, String>,
}

impl Environment {
    /// What `command` needs.
    pub(super) fn read(command: &str, of: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let given = |name: &str| of(name).filter(|value| !value.is_empty());
        let required: &[&str] = match command {
            "ADD" | "CHECK" => &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
            "DEL" => &["CNI_CONTAINERID", "CNI_IFNAME"],
            _ => &[],
        };
        let missing: Vec<&str> = required.iter().copied().filter(|name| given(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(Failure::new(code::ENVIRONMENT, format!("{command} lacks {}", missing.join(", "))));
        }
        let container = given("CNI_CONTAINERID").unwrap_or_default();
        if container.len() > 128 || !container.bytes().all(is_plain) {
            let shown: String = container.chars().take(130).collect();
            return Err(Failure::new(code::ENVIRONMENT, format!("CNI_CONTAINERID is {shown:?}"))
                .details("expected at most 128 letters, digits, '_', '.' and '-'"));
        }
        let interface = given("CNI_IFNAME").map(|name| name.parse()).transpose();
        let interface = interface
            .map_err(|error| Failure::new(code::ENVIRONMENT, format!("CNI_IFNAME is not valid: {error}")))?;
        let netns = PathBuf::from(given("CNI_NETNS").unwrap_or_default());
        if required.contains(&"CNI_NETNS") {
            check_netns(&netns)?;
        }
        let args = given("CNI_ARGS").unwrap_or_default();
        let args = args.split(';').filter_map(|pair| pair.split_once('='));
        let args = args.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(Self { container, netns, interface, args })
    }

    /// What `CNI_ARGS` says of `key`.
    pub(super) fn arg(&self, key: &str) -> Option<&str> {
        self.args.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What names of containers and configurations are made of.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}

/// Refuses what is no namespace, and this host's own.
fn check_netns(netns: &Path) -> Result<(), Failure> {
    let refused = |why: String| Failure::new(code::NETNS, format!("CNI_NETNS is {}: {why}", netns.display()));
    if !netns.is_absolute() {
        return Err(refused("expected an absolute path".into()));
    }
    let there = fs::metadata(netns).map_err(|error| refused(error.to_string()))?;
    let own = fs::metadata("/proc/self/ns/net").ok();
    if own.is_some_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino())) {
        return Err(refused("this is this host's own network, not a container's".into()));
    }
    Ok(())
}
