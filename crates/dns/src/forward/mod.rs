//! Asking other name servers.

mod exchange;
mod reply;

use crate::{
    answer::Answer,
    query::Request,
    resolve::Upstream,
    wire::{HEADER, OPT_LEN, PLAIN_UDP, SAFE_UDP, rcode},
};
use exchange::Origin;
use reply::Reply;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// How long one name server is given. Three tries end before a client's own 5 s (resolv.conf(5), timeout).
const TRY: Duration = Duration::from_millis(1400);
/// How often a question is asked: of the first three name servers, or the same ones again.
const TRIES: usize = 3;
/// Questions on their way at once, over all clients. Each takes a socket.
const MAX_IN_FLIGHT: usize = 512;

/// Asks name servers what is not ours to answer.
///
/// Each question gets a socket, a source port and an id of its own, chosen at random (RFC 5452 section 9.2).
#[derive(Debug)]
pub(crate) struct Forwarder {
    slots: Semaphore,
}

impl Forwarder {
    /// A forwarder with nothing under way.
    pub(crate) fn new() -> Self {
        Self { slots: Semaphore::new(MAX_IN_FLIGHT) }
    }

    /// The answer for the client, after 4.2 seconds at most: `upstream`'s, or SERVFAIL.
    pub(crate) async fn ask(&self, upstream: &Upstream, request: &Request) -> Vec<u8> {
        let Ok(_slot) = self.slots.try_acquire() else {
            tracing::debug!(limit = MAX_IN_FLIGHT, "too many questions are waiting for name servers");
            return request.refusal(rcode::SERVFAIL);
        };
        let reply = match upstream {
            Upstream::Servers(servers) => ask_in_turn(servers, request).await,
            // Its address never changes, nothing is lost on the way, and it asks again by itself.
            Upstream::Engine(engine) => ask_once(&Origin::Sandbox(engine), request, TRY * 3).await,
        };
        reply.map_or_else(|| request.refusal(rcode::SERVFAIL), |reply| reply.for_client(request))
    }
}

/// The reply of the first of `servers` that has a conclusive one, or of the last that has any.
async fn ask_in_turn(servers: &[SocketAddr], request: &Request) -> Option<Reply> {
    let mut last = None;
    for &server in servers.iter().cycle().take(TRIES) {
        match ask_once(&Origin::Host(server), request, TRY).await {
            Some(reply) if reply.is_conclusive() => return Some(reply),
            reply => last = reply.or(last),
        }
    }
    last
}

async fn ask_once(origin: &Origin<'_>, request: &Request, patience: Duration) -> Option<Reply> {
    let asked = timeout(patience, request.ask(origin)).await;
    let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let failed = |error| tracing::debug!(server = %origin.server(), %error, "a name server did not answer");
    asked.map_err(failed).ok()
}

impl Request {
    /// Asks one name server: over UDP, and over TCP if there is more to say and the client can take it.
    async fn ask(&self, origin: &Origin<'_>) -> io::Result<Reply> {
        let id = rand::random();
        let query = self.encode(id);
        let reply = exchange::udp(origin, &query, |m| Reply::read(m, id, &self.question)).await?;
        if !reply.is_truncated() || self.limit <= self.udp_size().into() {
            return Ok(reply);
        }
        exchange::tcp(origin, &query, |m| Reply::read(m, id, &self.question)).await
    }

    /// What the client is told if a name server that was asked under `id` says this; nothing if it is no answer to
    /// the question.
    #[doc(hidden)]
    pub fn relay(&self, message: Vec<u8>, id: u16) -> Option<Vec<u8>> {
        Reply::read(message, id, &self.question).map(|reply| reply.for_client(self))
    }

    /// The query as it goes out. It is written anew, not passed on: EDNS options are between a client and
    /// its server (RFC 6891 section 6), and nothing else a container sends has any business outside.
    fn encode(&self, id: u16) -> Vec<u8> {
        let edns = u16::from(self.edns.is_some());
        let mut query = Vec::with_capacity(HEADER + self.question.len() + OPT_LEN);
        for word in [id, self.header.kept, 1, 0, 0, edns] {
            query.extend_from_slice(&word.to_be_bytes());
        }
        query.extend_from_slice(&self.question);
        if let Some(edns) = self.edns {
            edns.write(&mut query, self.udp_size(), 0);
        }
        query
    }

    /// What is offered to name servers. Fragments get lost, and can be forged (RFC 9715).
    fn udp_size(&self) -> u16 {
        self.edns.map_or(PLAIN_UDP, |edns| edns.udp_size.min(SAFE_UDP))
    }

    /// An answer without content.
    pub(crate) fn refusal(&self, code: u16) -> Vec<u8> {
        let mut out = Vec::new();
        Answer::new(&mut out, self.limit, self.header, &self.question, self.edns).finish(code);
        out
    }

    /// An answer that says no more than that there is more of it.
    fn truncated(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut answer = Answer::new(&mut out, self.limit, self.header, &self.question, self.edns);
        answer.truncate();
        answer.finish(rcode::NOERROR);
        out
    }
}
