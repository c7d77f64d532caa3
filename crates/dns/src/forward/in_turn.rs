//! One question to several name servers: each is given time, and one that was asked earlier may still answer.

use super::{ask_once, exchange::Origin, reply::Reply};
use crate::{query::ForeignQuestion, upstream::Servers};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How much of a client's own time (resolv.conf(5), `timeout`) it takes until it is told that nobody answers.
const ALL: f64 = 0.92;
/// How much of it one server has for itself before the next is asked, too, and all but the last have together: that one
/// still has two of a client's five seconds then.
const ONE: f64 = 0.28;
const ALL_BUT_THE_LAST: f64 = 0.4;
/// How much of it may be over when a server is asked again.
const AGAIN_UNTIL: f64 = 0.64;

/// When to ask which server.
struct Turns {
    servers: Vec<SocketAddr>,
    between: Duration,
    again_until: Duration,
    all: Duration,
}

impl Turns {
    /// The servers in their order, or from another one each `turn` (`rotate`).
    fn new(upstream: &Servers, turn: usize) -> Self {
        let mut servers = upstream.addresses.clone();
        if upstream.rotate && !servers.is_empty() {
            let first = turn % servers.len();
            servers.rotate_left(first);
        }
        let others = u32::try_from(servers.len().saturating_sub(1)).unwrap_or(u32::MAX).max(1);
        let time = upstream.timeout;
        Self {
            servers,
            between: time.mul_f64(ONE).min(time.mul_f64(ALL_BUT_THE_LAST) / others),
            again_until: time.mul_f64(AGAIN_UNTIL),
            all: time.mul_f64(ALL),
        }
    }
}

/// The first conclusive reply, or one of the others if there is none. A server that has not replied is asked again,
/// since questions get lost; one that has replied is not.
pub(super) async fn ask(upstream: &Servers, turn: usize, request: &ForeignQuestion) -> Option<Reply> {
    let plan = Turns::new(upstream, turn);
    let (began, request) = (Instant::now(), Arc::new(request.clone()));
    let (mut asking, mut finished, mut last) = (JoinSet::new(), BTreeSet::new(), None);
    let (mut due, mut tries) = (began, plan.servers.iter().enumerate().cycle());
    let mut asked = 0;
    loop {
        let more = finished.len() < plan.servers.len() && due <= began + plan.again_until;
        if !more && asking.is_empty() {
            return last;
        }
        tokio::select! {
            biased;
            Some(done) = asking.join_next(), if !asking.is_empty() => {
                let Ok((number, reply)) = done else { continue };
                match reply {
                    Some(reply) if Reply::is_conclusive(&reply) => return Some(reply),
                    // Of several, an answer is more than none.
                    reply => last = reply.or(last),
                }
                finished.insert(number);
                // The next server need not wait; those asked before keep their time.
                if asked < plan.servers.len() {
                    due = Instant::now();
                }
            }
            () = sleep_until(due), if more => {
                let Some((number, server)) = tries.by_ref().find(|(n, _)| !finished.contains(n)) else { continue };
                let (request, origin, patience) = (Arc::clone(&request), Origin::Host(*server), plan.all);
                asking.spawn(async move { (number, ask_once(&origin, &request, patience).await) });
                asked += 1;
                due = Instant::now() + plan.between;
            }
            () = sleep_until(began + plan.all) => return last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// All servers are asked while the client waits, and one that needs two of five seconds is waited for.
        #[test]
        fn every_server_has_its_time(servers in 1usize..9, turn in any::<usize>(), rotate in any::<bool>(), timeout in 1u64..11) {
            let addresses: Vec<SocketAddr> = (0..servers).map(|n| ([192, 0, 2, u8::try_from(n).unwrap()], 53).into()).collect();
            let timeout = Duration::from_secs(timeout);
            let plan = Turns::new(&Servers { addresses: addresses.clone(), timeout, rotate }, turn);
            prop_assert_eq!(plan.servers.iter().collect::<BTreeSet<_>>(), addresses.iter().collect::<BTreeSet<_>>());
            let last = plan.between * u32::try_from(servers - 1).unwrap();
            prop_assert!(plan.all - last >= timeout.mul_f64(0.4), "{:?} of {:?}", last, plan.all);
            prop_assert!(plan.all < timeout);
            // One that is alone is asked three times, of three the first once more: questions get lost.
            prop_assert!(servers > 3 || plan.between * 2 <= plan.again_until);
        }
    }
}
