//! Containers' name servers.

mod frame;
mod tcp;
mod udp;

use crate::{
    counts::QuestionCounts,
    forward::Forwarder,
    names::Names,
    query::ForeignQuestion,
    resolve::{DnsClient, QueryOutcome, Transport, respond},
    wire::rcode,
};
use arc_swap::ArcSwap;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use std::{
    io,
    net::{TcpListener, UdpSocket},
    sync::Arc,
    thread,
};
use tokio::{
    runtime::{self, Handle},
    sync::{Semaphore, oneshot},
    task::JoinSet,
};

/// Questions of one container on their way to other name servers at once.
const MAX_IN_FLIGHT: usize = 256;
/// Bytes of queries the kernel keeps while we are busy. Its own default drops the end of a burst of 200.
const RECEIVE_BUFFER: usize = 1 << 20;

/// The name servers of this host's containers, on a thread of their own.
///
/// On a runtime with several threads every packet would wake a second one just to hear that the first is at
/// it already: that costs a fifth of the queries per second. And what the agent does otherwise cannot hold
/// up a lookup.
#[derive(Debug)]
pub struct Resolver {
    names: Arc<ArcSwap<Names>>,
    forwarder: Arc<Forwarder>,
    counts: Arc<QuestionCounts>,
    runtime: Handle,
    /// Dropped, it ends the thread, and with it all servers.
    _running: oneshot::Sender<()>,
}

impl Resolver {
    /// Starts the thread. It asks other name servers from the network namespace of the thread that calls
    /// this: the host's, so that it reaches what the host reaches, a resolver on its loopback included.
    /// `names` is looked up anew for every question, and every question is counted in `counts`.
    ///
    /// # Errors
    /// If the kernel gives no thread or no epoll instance.
    pub fn start(names: Arc<ArcSwap<Names>>, counts: Arc<QuestionCounts>) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        thread::Builder::new().name("dns".to_owned()).spawn(move || drop(runtime.block_on(ended)))?;
        let forwarder = Arc::new(Forwarder::new());
        Ok(Self { names, forwarder, counts, runtime: handle, _running: running })
    }

    /// Answers a container on these sockets until the handle is dropped. Both are bound to the same address
    /// in the container's network namespace, and keep that namespace whichever thread polls them. `client`
    /// is looked up anew for every question.
    ///
    /// # Errors
    /// If the sockets cannot be polled.
    pub fn serve(
        &self,
        udp: UdpSocket,
        tcp: TcpListener,
        client: Arc<ArcSwap<DnsClient>>,
    ) -> io::Result<ServerHandle> {
        // It takes CAP_NET_ADMIN; without it, bursts have to be smaller.
        let _ = set_socket_recv_buffer_size_force(&udp, RECEIVE_BUFFER);
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let _context = self.runtime.enter();
        let (udp, tcp) = (tokio::net::UdpSocket::from_std(udp)?, tokio::net::TcpListener::from_std(tcp)?);
        let server = Arc::new(Server {
            names: Arc::clone(&self.names),
            client,
            forwarder: Arc::clone(&self.forwarder),
            counts: Arc::clone(&self.counts),
            slots: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn_on(udp::serve(udp, Arc::clone(&server)), &self.runtime);
        tasks.spawn_on(tcp::serve(tcp, server), &self.runtime);
        Ok(ServerHandle { tasks })
    }
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
    client: Arc<ArcSwap<DnsClient>>,
    forwarder: Arc<Forwarder>,
    counts: Arc<QuestionCounts>,
    slots: Arc<Semaphore>,
}

impl Server {
    /// Answers a message from what is known now.
    fn respond(&self, message: &[u8], transport: Transport, turn: usize, out: &mut Vec<u8>) -> QueryOutcome {
        let outcome = respond(message, transport, &self.names.load(), &self.client.load(), turn, out);
        self.counts.own(&outcome, out);
        outcome
    }

    /// Asks other name servers, off the path of the other questions. Too many of them already: the answer
    /// that says so.
    fn forward(&self, request: ForeignQuestion) -> Result<impl Future<Output = Vec<u8>> + use<>, Vec<u8>> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| {
            let refusal = request.refusal(rcode::SERVFAIL);
            self.counts.others(&refusal);
            refusal
        })?;
        let (forwarder, client) = (Arc::clone(&self.forwarder), self.client.load_full());
        let counts = Arc::clone(&self.counts);
        Ok(async move {
            let _slot = slot;
            let answer = forwarder.ask(&client.upstream, &request).await;
            counts.others(&answer);
            answer
        })
    }
}
