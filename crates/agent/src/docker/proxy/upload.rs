//! What a client sends with its request, on its way to the engine.

use axum::body::{Body, Bytes};
use futures::FutureExt;
use hyper::{
    body::{Body as _, Frame, SizeHint},
    ext::on_informational,
};
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::sync::oneshot;

use axum::http::{Request, StatusCode, header::EXPECT};

/// Whether the engine has been sent all of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn all(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Watches a request's body. A client that waits to be told to send it (RFC 9110 §10.1.1) is told when the engine
/// says so, and not when we would read it.
pub(super) fn watch(request: Request<Body>) -> (Request<Body>, Sent) {
    let sent = Sent::default();
    let waits = request.headers().contains_key(EXPECT);
    let (asked, wait) = oneshot::channel();
    let wait = waits.then_some(wait);
    let mut request = request.map(|body| Body::new(Upload { body, wait, sent: sent.clone() }));
    sent.0.store(request.body().is_end_stream(), Ordering::Release);
    if waits {
        let asked = Mutex::new(Some(asked));
        on_informational(&mut request, move |answer| {
            let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(asked) = asked.filter(|_| answer.status() == StatusCode::CONTINUE) {
                // Nobody waits where the request was given up.
                let _ = asked.send(());
            }
        });
    }
    (request, sent)
}

struct Upload {
    body: Body,
    /// Resolves when the engine asks for the body.
    wait: Option<oneshot::Receiver<()>>,
    sent: Sent,
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(wait) = &mut self.wait {
            // Without the engine's word there is a final answer; nothing is to be sent then.
            if ready!(wait.poll_unpin(context)).is_err() {
                return Poll::Pending;
            }
            self.wait = None;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.sent.0.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
