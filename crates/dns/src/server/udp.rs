//! Answering over UDP.

use super::Server;
use crate::{
    resolve::{Outcome, Transport},
    wire::SAFE_UDP,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, task::JoinSet, time::sleep};

/// Messages answered before other tasks get their turn.
const BATCH: usize = 64;
/// The pause after an error that may last, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until it is aborted, and with it what it has asked others.
pub(super) async fn serve(socket: UdpSocket, server: Arc<Server>) {
    let socket = Arc::new(socket);
    let mut forwarded = JoinSet::new();
    // A query has a name, an OPT record and little else; a larger one is cut, and malformed.
    let mut message = [0; SAFE_UDP as usize];
    let mut answer = Vec::new();
    let mut turn = 0_usize;
    loop {
        if let Err(error) = socket.readable().await {
            tracing::warn!(%error, "cannot wait for DNS queries over UDP");
            sleep(PAUSE).await;
        }
        for _ in 0..BATCH {
            let (length, peer) = match socket.try_recv_from(&mut message) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    tracing::warn!(%error, "cannot receive DNS queries over UDP");
                    sleep(PAUSE).await;
                    break;
                }
            };
            turn = turn.wrapping_add(1);
            match server.respond(&message[..length], Transport::Udp, turn, &mut answer) {
                Outcome::Silent => {}
                // One that cannot be sent is lost, as datagrams are: the client asks again.
                Outcome::Answered => drop(socket.try_send_to(&answer, peer)),
                Outcome::Forward(request) => {
                    while forwarded.try_join_next().is_some() {}
                    match server.forward(request) {
                        Ok(asking) => {
                            let socket = Arc::clone(&socket);
                            forwarded.spawn(async move { drop(socket.try_send_to(&asking.await, peer)) });
                        }
                        Err(answer) => drop(socket.try_send_to(&answer, peer)),
                    }
                }
            }
        }
        tokio::task::yield_now().await;
    }
}
