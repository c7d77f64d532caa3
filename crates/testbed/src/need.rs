//! What a test needs from the machine, and what happens when it is not there.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Whether `satisfied`. If not, says on standard error that the test is skipped for want of `what`.
///
/// # Panics
/// If not, and `CI` or `WEFT_REQUIRE_TOOLS` is set: a test that silently did not run protects nobody.
#[track_caller]
pub fn need(what: &str, satisfied: bool) -> bool {
    if satisfied {
        return true;
    }
    assert!(
        env::var_os("CI").is_none() && env::var_os("WEFT_REQUIRE_TOOLS").is_none(),
        "this test needs {what}"
    );
    // Not eprintln!, which the test harness hides for a test that passes.
    let _ = writeln!(io::stderr(), "SKIPPED: this test needs {what}");
    false
}

/// Where `program` is: among what `scripts/tools` unpacked, else on the `PATH`.
pub fn tool(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    tools_dir()
        .into_iter()
        .chain(env::split_paths(&path))
        // Where Debian keeps tools for administrators, which is not on every PATH.
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Where the modules are that a browser is driven with, which `scripts/tools` got. Nothing, said loudly, where it could not.
///
/// # Panics
/// If it was not tried, and `CI` or `WEFT_REQUIRE_TOOLS` is set.
#[track_caller]
pub fn node_modules() -> Option<PathBuf> {
    let directory = tools_dir().and_then(|bin| Some(bin.parent()?.join("node"))).unwrap_or_default();
    if let Ok(why) = fs::read_to_string(directory.join("missing")) {
        let _ = writeln!(io::stderr(), "SKIPPED: {}", why.trim_end());
        return None;
    }
    let modules = directory.join("node_modules");
    need("what drives a browser: scripts/page-tools", modules.is_dir()).then_some(modules)
}

/// What `scripts/tools` unpacked under `target/tools` with a root of its own.
pub(crate) fn unpacked(name: &str) -> Option<PathBuf> {
    let tree = tools_dir()?.parent()?.join(name);
    Some(tree).filter(|tree| tree.is_dir())
}

/// The directory of the programs that `scripts/tools` unpacked.
pub(crate) fn tools_dir() -> Option<PathBuf> {
    let tools = env::var_os("WEFT_TOOLS").map_or_else(|| checkout().join("target/tools"), PathBuf::from);
    Some(tools.join("bin")).filter(|bin| bin.is_dir())
}

/// The `weft` of the last release, which `scripts/earlier` built. Nothing, said loudly, where it could not be built.
///
/// # Panics
/// If it was not tried, and `CI` or `WEFT_REQUIRE_TOOLS` is set.
#[track_caller]
pub fn last_release() -> Option<PathBuf> {
    let directory = checkout().join("target/earlier");
    if let Ok(why) = fs::read_to_string(directory.join("missing")) {
        let _ = writeln!(io::stderr(), "SKIPPED: {}", why.trim_end());
        return None;
    }
    let weft = directory.join("weft");
    need("the weft of the last release: scripts/earlier", weft.is_file()).then_some(weft)
}

/// The top directory of the checkout.
pub fn checkout() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The directory of the `weft` that was built as this test was: `target/debug` or `target/release`.
pub(crate) fn built_dir() -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    // Tests and benchmarks are in deps/ below it, examples in examples/.
    test.ancestors().nth(2).expect("cargo builds into a directory of a directory").to_owned()
}
