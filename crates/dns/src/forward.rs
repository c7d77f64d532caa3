//! Asking other name servers.

mod exchange;
mod in_turn;
mod reply;

use crate::{
    answer::Answer,
    query::ForeignQuestion,
    resolve::Upstream,
    wire::{HEADER, OPT_LEN, PLAIN_UDP, SAFE_UDP, rcode},
};
use exchange::Origin;
use reply::Reply;
use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};

/// How long an engine's resolver is given: less than a client's own 5 s (resolv.conf(5), timeout).
const ENGINE: Duration = Duration::from_millis(4200);
/// How long a name server may take to answer over TCP what did not fit into UDP.
const TCP: Duration = Duration::from_millis(1400);
/// Questions on their way at once, over all clients. Each takes a socket a name server.
const MAX_IN_FLIGHT: usize = 512;

/// Asks name servers what is not ours to answer.
///
/// Each question gets a socket, a source port and an id of its own, chosen at random (RFC 5452 section 9.2).
#[derive(Debug)]
pub(crate) struct Forwarder {
    slots: Semaphore,
    /// Counts questions.
    turn: AtomicUsize,
}

impl Forwarder {
    /// A forwarder with nothing under way.
    pub(crate) fn new() -> Self {
        Self { slots: Semaphore::new(MAX_IN_FLIGHT), turn: AtomicUsize::new(0) }
    }

    /// The answer for the client, while it still waits: `upstream`'s, or SERVFAIL.
    pub(crate) async fn ask(&self, upstream: &Upstream, request: &ForeignQuestion) -> Vec<u8> {
        let Ok(_slot) = self.slots.try_acquire() else {
            tracing::debug!(limit = MAX_IN_FLIGHT, "too many questions are waiting for name servers");
            return request.refusal(rcode::SERVFAIL);
        };
        let reply = match upstream {
            Upstream::Servers(servers) => {
                in_turn::ask(servers, self.turn.fetch_add(1, Ordering::Relaxed), request).await
            }
            // Its address never changes, nothing is lost on the way, and it asks again by itself.
            Upstream::Engine(engine) => ask_once(&Origin::Sandbox(engine), request, ENGINE).await,
        };
        reply.map_or_else(|| request.refusal(rcode::SERVFAIL), |reply| reply.for_client(request))
    }
}

async fn ask_once(origin: &Origin<'_>, request: &ForeignQuestion, patience: Duration) -> Option<Reply> {
    let asked = timeout(patience, request.ask(origin)).await;
    let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let failed = |error| tracing::debug!(server = %origin.server(), %error, "a name server did not answer");
    asked.map_err(failed).ok()
}

impl ForeignQuestion {
    /// Asks one name server: over UDP, and over TCP if there is more to say and the client can take it.
    async fn ask(&self, origin: &Origin<'_>) -> io::Result<Reply> {
        let id = rand::random();
        let query = self.encode(id);
        let reply = exchange::udp(origin, &query, |m| Reply::read(m, id, &self.question)).await?;
        if !reply.is_truncated() || self.limit <= self.udp_size().into() {
            return Ok(reply);
        }
        let longer = exchange::tcp(origin, &query, |m| Reply::read(m, id, &self.question));
        match timeout(TCP, longer).await {
            Ok(Ok(longer)) => Ok(longer),
            // Some networks let no TCP through: the client may find use in what there is, and sees that it is not all.
            _ => Ok(reply),
        }
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
        for word in [id, self.header.asked(), 1, 0, 0, edns] {
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
