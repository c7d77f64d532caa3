//! A container's name server.

mod frame;
mod tcp;
mod udp;

use crate::{
    forward::Forwarder,
    names::Names,
    query::Request,
    resolve::{Client, Outcome, Transport, respond},
    wire::rcode,
};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
};

/// Questions of one container on their way to other name servers at once.
const MAX_IN_FLIGHT: usize = 256;

/// Answers on these sockets until the handle is dropped.
///
/// Both are bound to the same address, in the container's network namespace; they keep that namespace
/// whichever thread polls them. `names` and `client` are looked up anew for every question.
pub fn serve(
    udp: UdpSocket,
    tcp: TcpListener,
    names: Arc<ArcSwap<Names>>,
    client: Arc<ArcSwap<Client>>,
    forwarder: Arc<Forwarder>,
) -> ServerHandle {
    let slots = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let server = Arc::new(Server { names, client, forwarder, slots });
    let mut tasks = JoinSet::new();
    tasks.spawn(udp::serve(udp, Arc::clone(&server)));
    tasks.spawn(tcp::serve(tcp, server));
    ServerHandle { tasks }
}

/// A name server that is running. Dropping it ends it, and closes its sockets soon after.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct ServerHandle {
    tasks: JoinSet<()>,
}

impl ServerHandle {
    /// Ends the server. Its sockets are closed when this returns.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// What both transports share.
struct Server {
    names: Arc<ArcSwap<Names>>,
    client: Arc<ArcSwap<Client>>,
    forwarder: Arc<Forwarder>,
    slots: Arc<Semaphore>,
}

impl Server {
    /// Answers a message from what is known now.
    fn respond(&self, message: &[u8], transport: Transport, turn: usize, out: &mut Vec<u8>) -> Outcome {
        respond(message, transport, (&self.names.load(), &self.client.load()), turn, out)
    }

    /// Asks other name servers, off the path of the other questions. Too many of them already: the answer
    /// that says so.
    fn forward(&self, request: Request) -> Result<impl Future<Output = Vec<u8>> + use<>, Vec<u8>> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| request.refusal(rcode::SERVFAIL))?;
        let (forwarder, client) = (Arc::clone(&self.forwarder), self.client.load_full());
        Ok(async move {
            let _slot = slot;
            forwarder.ask(&client.upstream, &request).await
        })
    }
}
