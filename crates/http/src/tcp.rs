//! What a server sets on a connection from another host.

use rustix::net::sockopt;
use std::io;
use tokio::net::TcpStream;

/// How long a client may take to take in what was sent, in milliseconds.
const UNREAD_DEADLINE_MS: u32 = 30_000;

/// Has a client that stops reading, or is gone without a word, end (tcp(7), `TCP_USER_TIMEOUT`), and small answers leave at
/// once.
///
/// # Errors
/// The kernel's.
pub fn set_up(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_tcp_user_timeout(stream, UNREAD_DEADLINE_MS)?;
    stream.set_nodelay(true)
}
