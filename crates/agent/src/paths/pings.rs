//! Frames that somebody waits for.

use std::{collections::BTreeMap, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use weft_model::NodeId;
use weft_path::{NoPing, Pong};

/// How long a frame may wait to be sent: whoever measures may be busy with what others send.
const SENT_WITHIN: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// How many may wait to be sent. More than that, nobody types.
const AT_ONCE: usize = 64;

/// Why no frame was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsent {
    #[error(transparent)]
    Refused(#[from] NoPing),
    #[error("paths are not measured from this host now: see `weft status`")]
    NoDevice,
    #[error("the agent has too much else to do")]
    Busy,
    #[error("the kernel does not take it")]
    Kernel(#[source] std::io::Error),
}

/// What came of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Echo {
    /// The packet in it, in bytes.
    pub(crate) size: u16,
    /// How long there and back took; absent if no answer came within a second.
    pub(crate) took: Option<Duration>,
}

/// A frame that was sent.
pub(super) struct Sent {
    size: u16,
    answered: oneshot::Receiver<Duration>,
}

/// A frame that is to be sent.
pub(super) struct Ask {
    pub(super) to: NodeId,
    pub(super) size: Option<u16>,
    pub(super) tell: oneshot::Sender<Result<Sent, Unsent>>,
}

/// Has frames sent to other hosts.
#[derive(Clone)]
pub(crate) struct Pinger(mpsc::Sender<Ask>);

impl Pinger {
    /// Sends a frame with a packet of `size` bytes the way that containers' packets go, or the smallest there is, and waits
    /// for the answer.
    ///
    /// # Errors
    /// If none was sent.
    pub(crate) async fn ping(&self, to: NodeId, size: Option<u16>) -> Result<Echo, Unsent> {
        let (tell, told) = oneshot::channel();
        let sent = async {
            // Whoever measures ends with the agent only.
            self.0.send(Ask { to, size, tell }).await.map_err(|_| Unsent::NoDevice)?;
            told.await.map_err(|_| Unsent::NoDevice)?
        };
        let Sent { size, answered } = timeout(SENT_WITHIN, sent).await.map_err(|_| Unsent::Busy)??;
        let took = timeout(ANSWERED_WITHIN, answered).await.ok().and_then(Result::ok);
        Ok(Echo { size, took })
    }
}

/// Those that wait.
pub(super) struct Pings {
    asked: mpsc::Receiver<Ask>,
    waiting: BTreeMap<(NodeId, u64), oneshot::Sender<Duration>>,
}

impl Pings {
    pub(super) fn channel() -> (Pinger, Self) {
        let (send, asked) = mpsc::channel(AT_ONCE);
        (Pinger(send), Self { asked, waiting: BTreeMap::new() })
    }

    /// The next frame to send. Safe to cancel.
    pub(super) async fn next(&mut self) -> Ask {
        match self.asked.recv().await {
            Some(ask) => ask,
            // Nobody is left to ask.
            None => std::future::pending().await,
        }
    }

    /// The next, if there is one.
    pub(super) fn next_now(&mut self) -> Option<Ask> {
        self.asked.try_recv().ok()
    }

    /// Refuses what waits to be sent, for there is nothing to send it through.
    pub(super) fn refuse(&mut self) {
        while let Some(ask) = self.next_now() {
            // Who asked may be gone.
            let _ = ask.tell.send(Err(Unsent::NoDevice));
        }
    }

    /// Says that the frame was sent with this number, or why not.
    pub(super) fn tell(&mut self, ask: Ask, sent: Result<(u64, u16), Unsent>) {
        self.waiting.retain(|_, answer| !answer.is_closed());
        let sent = sent.map(|(number, size)| {
            let (answer, answered) = oneshot::channel();
            self.waiting.insert((ask.to, number), answer);
            Sent { size, answered }
        });
        // Who asked may be gone.
        let _ = ask.tell.send(sent);
    }

    /// An answer came.
    pub(super) fn answered(&mut self, Pong { from, number, took }: Pong) {
        if let Some(answer) = self.waiting.remove(&(from, number)) {
            let _ = answer.send(took);
        }
    }
}
