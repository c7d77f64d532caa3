//! How many files this process may have open, sockets among them.

use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    stdio::stderr,
};

/// Raises this process's limit on open files as far as allowed, and returns the limit before, which the programs that
/// it starts must get.
///
/// A container's names take two sockets, and the usual soft limit of 1024 is there only for programs that use
/// select(2), which cannot handle more.
pub fn raise() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, ..before };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, limit = before.current, "cannot raise the limit on open files");
    }
    before.current
}

/// What to say while there is no room for one more.
pub fn shortage() -> Option<String> {
    let full = matches!(fcntl_dupfd_cloexec(stderr(), 0), Err(Errno::MFILE | Errno::NFILE));
    full.then(|| {
        let limit = getrlimit(Resource::Nofile).current.map_or("all there may be".to_owned(), |n| n.to_string());
        format!(
            "this agent has no file descriptor left ({limit}), so it can open no file and no socket; raise the limit \
             with `prlimit --pid {} --nofile=N`, and for its next start with LimitNOFILE= in its unit",
            std::process::id()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_may_be() {
        let before = getrlimit(Resource::Nofile);
        assert_eq!(raise(), before.current);
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
        assert_eq!(shortage(), None);
    }
}
