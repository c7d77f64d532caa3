//! What ARCHITECTURE.md says of the crates is so.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The longest a file of the product may be, in lines: nobody reads more at once.
const LONGEST: usize = 400;

/// What does nothing but decide may stand on these alone.
const PURE: [&str; 4] = ["ipam", "model", "path", "plan"];
const NO_IO: [&str; 8] = ["base64", "imbl", "ipnet", "jiff", "rand", "serde", "serde_json", "thiserror"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The crates in the order of the table: each stands on those above it.
fn order() -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, _)| name.to_owned()).collect()
}

/// What each crate needs besides for its tests, by the name of its directory.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let metadata: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let directory = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        manifest.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
    };
    let needed = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let needed = all.filter(|one| one["kind"] != "dev");
        needed.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (directory(package), needed(package))).collect()
}

#[test]
fn each_crate_stands_on_those_above_it_in_the_table() {
    let (order, dependencies) = (order(), dependencies());
    let mut listed = order.clone();
    listed.sort();
    assert_eq!(listed, dependencies.keys().cloned().collect::<Vec<_>>(), "the table lists all crates once");
    for (place, name) in order.iter().enumerate() {
        for needed in dependencies[name].iter().filter_map(|one| one.strip_prefix("weft-")) {
            assert!(order[..place].iter().any(|above| above == needed), "{name} may not stand on {needed}");
        }
    }
}

#[test]
fn what_decides_does_nothing() {
    let dependencies = dependencies();
    for name in PURE {
        for needed in dependencies[name].iter().filter(|one| !one.starts_with("weft-")) {
            assert!(NO_IO.contains(&needed.as_str()), "{name} may not need {needed}: it does no I/O");
        }
    }
}

/// The files below `directory`, with their text.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let (mut directories, mut found) = (vec![root().join(directory)], Vec::new());
    while let Some(directory) = directories.pop() {
        for item in fs::read_dir(&directory).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

#[test]
fn no_file_is_too_long_to_read() {
    for (path, text) in sources("crates") {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

/// The ledger of addresses has one writer.
#[test]
fn only_the_allocator_names_the_keys_of_addresses() {
    let files = sources("crates/agent/src").into_iter();
    let product = files.filter(|(path, _)| !path.components().any(|part| part.as_os_str() == "simulation"));
    for (path, text) in product.filter(|(path, _)| !path.ends_with("core/allocator/ledger.rs")) {
        for key in ["Key::Claim", "Key::Cursor", "Key::PoolReservation"] {
            assert!(!text.contains(key), "{} names {key}: that is for core::allocator", path.display());
        }
    }
}
