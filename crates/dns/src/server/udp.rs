//! Answering over UDP.

use super::Server;
use crate::{
    resolve::{QueryOutcome, Transport},
    wire::SAFE_UDP,
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::UdpSocket,
    task::{JoinSet, yield_now},
    time::sleep,
};

/// Messages answered before others get their turn.
const BATCH: usize = 64;
/// The pause after an error that may last, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until it is aborted, and with it what it has asked others.
pub(super) async fn serve(socket: UdpSocket, server: Arc<Server>) {
    let mut listener = Listener {
        socket: Arc::new(socket),
        server,
        forwarded: JoinSet::new(),
        message: [0; SAFE_UDP as usize],
        answer: Vec::new(),
        turn: 0,
    };
    loop {
        match listener.batch().await {
            // There is more; but a busy container must not keep all others waiting.
            Ok(BATCH) => yield_now().await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot receive DNS queries over UDP");
                sleep(PAUSE).await;
            }
        }
    }
}

/// A socket, with all that is used again for each message.
struct Listener {
    socket: Arc<UdpSocket>,
    server: Arc<Server>,
    forwarded: JoinSet<()>,
    /// A query has a name, an OPT record and little else. A larger one is cut, and so malformed.
    message: [u8; SAFE_UDP as usize],
    answer: Vec<u8>,
    turn: usize,
}

impl Listener {
    /// Waits for messages and answers those that are there. Returns how many.
    async fn batch(&mut self) -> io::Result<usize> {
        self.socket.readable().await?;
        while self.forwarded.try_join_next().is_some() {}
        for answered in 0..BATCH {
            match self.socket.try_recv_from(&mut self.message) {
                Ok((length, peer)) => self.answer(length, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(answered),
                Err(error) => return Err(error),
            }
        }
        Ok(BATCH)
    }

    /// Answers the first `length` bytes of the buffer. An answer that cannot be sent at once is lost, as
    /// datagrams are: the client asks again.
    fn answer(&mut self, length: usize, peer: SocketAddr) {
        self.turn = self.turn.wrapping_add(1);
        let message = &self.message[..length];
        match self.server.respond(message, Transport::Udp, self.turn, &mut self.answer) {
            QueryOutcome::Silent => {}
            QueryOutcome::Answered => drop(self.socket.try_send_to(&self.answer, peer)),
            QueryOutcome::Forward(request) => match self.server.forward(request) {
                Ok(asking) => {
                    let socket = Arc::clone(&self.socket);
                    self.forwarded.spawn(async move { drop(socket.try_send_to(&asking.await, peer)) });
                }
                Err(answer) => drop(self.socket.try_send_to(&answer, peer)),
            },
        }
    }
}
