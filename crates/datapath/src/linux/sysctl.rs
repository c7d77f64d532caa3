//! Kernel parameters of the calling thread's network namespace: `/proc/sys/net` shows each thread its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

fn path(key: &str) -> PathBuf {
    Path::new("/proc/sys/net").join(key)
}

/// The value of a parameter; nothing if the kernel does not have it.
pub(crate) fn read(key: &str) -> Option<String> {
    Some(fs::read_to_string(path(key)).ok()?.trim().to_owned())
}

/// Sets a parameter.
pub(crate) fn write(key: &str, value: &str) -> Result<(), String> {
    fs::write(path(key), value).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if key.starts_with("ipv6/") && !path("ipv6").exists() => {
            "IPv6 is switched off on this host (ipv6.disable=1)".to_owned()
        }
        _ => format!("cannot write {}: {error}", path(key).display()),
    })
}

/// Lets the host keep on believing its routers: a host that forwards IPv6 ignores their advertisements unless
/// told otherwise (`accept_ra`, Documentation/networking/ip-sysctl.rst), and would lose its own default route.
pub(crate) fn keep_router_advertisements() -> Result<(), String> {
    let directory = path("ipv6/conf");
    let links = fs::read_dir(&directory).map_err(|e| format!("cannot read {}: {e}", directory.display()))?;
    for link in links.flatten() {
        let key = link.path().join("accept_ra");
        if fs::read_to_string(&key).is_ok_and(|value| value.trim() == "1") {
            fs::write(&key, "2").map_err(|e| format!("cannot write {}: {e}", key.display()))?;
        }
    }
    Ok(())
}
