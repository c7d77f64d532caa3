//! What ARCHITECTURE.md says of the crates is so.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// The longest a file of the product may be, in lines: nobody reads more at once.
const LONGEST: usize = 400;

/// What does nothing but decide may stand on these alone.
const PURE: [&str; 3] = ["ipam", "model", "plan"];
const NO_IO: [&str; 6] = ["ipnet", "jiff", "rand", "serde", "serde_json", "thiserror"];

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

#[test]
fn no_file_is_too_long_to_read() {
    let mut directories = vec![root().join("crates")];
    while let Some(directory) = directories.pop() {
        for item in fs::read_dir(&directory).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let lines = fs::read_to_string(&path).unwrap().lines().count();
                assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
            }
        }
    }
}
