//! The sockets that systemd keeps for agents (systemd.socket(5)): a client that connects while no agent runs waits for
//! the next one, which systemd then starts.

use crate::{ServerSocket, turn_away};
use rustix::net::sockopt;
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long an agent that cannot start keeps telling waiting clients why.
const TELL_FOR: Duration = Duration::from_millis(200);

/// The sockets that this agent was started with. None where it was not started by systemd: it makes its own then.
///
/// A door finds its socket by the path, not by a name: clients know it by the path, too.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    listener: UnixListener,
    path: PathBuf,
    /// Whether a door has it.
    claimed: AtomicBool,
}

impl Inherited {
    /// What this process was started with.
    pub fn of(sockets: Vec<OwnedFd>) -> Self {
        let of_no_use = |error: &io::Error| {
            tracing::warn!(%error, "was started with something that is not a listening unix socket");
        };
        Self(sockets.into_iter().filter_map(|one| Kept::of(one).inspect_err(of_no_use).ok()).collect())
    }

    /// The socket at `path`, if it is there.
    pub(crate) fn claim(&self, path: &Path) -> io::Result<Option<ServerSocket>> {
        let Some(kept) = self.0.iter().find(|kept| is_same(&kept.path, path)) else { return Ok(None) };
        kept.claimed.store(true, Ordering::Relaxed);
        kept.socket().map(Some)
    }

    /// Those that no door has.
    pub fn unclaimed(&self) -> impl Iterator<Item = (&Path, io::Result<ServerSocket>)> {
        let unclaimed = self.0.iter().filter(|kept| !kept.claimed.load(Ordering::Relaxed));
        unclaimed.map(|kept| (&*kept.path, kept.socket()))
    }

    /// Tells the clients that wait for this agent why it does not start.
    pub async fn turn_away(&self, why: &str) {
        let stop = CancellationToken::new();
        let sockets = self.0.iter().filter_map(|kept| kept.socket().ok());
        let telling = sockets.map(|socket| turn_away(socket, why.to_owned(), stop.clone()));
        let end = async {
            if !self.0.is_empty() {
                tokio::time::sleep(TELL_FOR).await;
            }
            stop.cancel();
        };
        tokio::join!(futures::future::join_all(telling), end);
    }
}

impl Kept {
    fn of(socket: OwnedFd) -> io::Result<Self> {
        if !sockopt::socket_acceptconn(&socket)? {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let listener = UnixListener::from(socket);
        // Of anything but a unix socket this is an error.
        let path = listener.local_addr()?.as_pathname().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path, claimed: AtomicBool::new(false) })
    }

    fn socket(&self) -> io::Result<ServerSocket> {
        let listener = tokio::net::UnixListener::from_std(self.listener.try_clone()?)?;
        Ok(ServerSocket::kept(listener, &self.path))
    }
}

/// Whether two paths are one: /var/run is /run nearly everywhere.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
    one == other || one.file_name() == other.file_name() && real(one).is_some() && real(one) == real(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Terms, open};
    use std::io::{Read, Write};

    const TERMS: Terms = Terms { group: None, instead: "give another" };

    fn kept(path: &Path) -> Inherited {
        Inherited(vec![Kept::of(UnixListener::bind(path).unwrap().into()).unwrap()])
    }

    #[tokio::test]
    async fn a_door_takes_its_own_and_leaves_it_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("run")).unwrap();
        let inherited = kept(&dir.path().join("weft.sock"));
        assert_eq!(inherited.unclaimed().count(), 1);
        let socket = open(&dir.path().join("run/weft.sock"), TERMS, &inherited).unwrap();
        assert_eq!(inherited.unclaimed().count(), 0);
        socket.removal().carry_out();
        assert!(dir.path().join("weft.sock").exists(), "it is systemd's");
        let own = open(&dir.path().join("own.sock"), TERMS, &inherited).unwrap();
        own.removal().carry_out();
        assert!(!dir.path().join("own.sock").exists());
    }

    #[test]
    fn what_is_not_a_listening_unix_socket_is_of_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Kept::of(tcp.into()).unwrap_err();
        Kept::of(std::os::unix::net::UnixDatagram::bind(dir.path().join("gram")).unwrap().into())
            .unwrap_err();
        Kept::of(std::fs::File::open("/dev/null").unwrap().into()).unwrap_err();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_for_an_agent_that_does_not_start_is_told_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weft.sock");
        let inherited = kept(&path);
        let mut waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
        waiting.write_all(b"POST /Plugin.Activate HTTP/1.1\r\nHost: weft\r\n\r\n").unwrap();
        inherited.turn_away("a typing error").await;
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("a typing error"), "{answer}");
    }
}
