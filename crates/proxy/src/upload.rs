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
    let upload = |body| Body::new(Upload { body, wait, unwanted: false, sent: sent.clone() });
    let mut request = request.map(upload);
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
    /// The engine has answered without asking for it: nothing is to be sent then.
    unwanted: bool,
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
            self.unwanted = ready!(wait.poll_unpin(context)).is_err();
            self.wait = None;
        }
        if self.unwanted {
            return Poll::Pending;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by `fuzz/`: it was looked at once more, and panicked.
    #[test]
    fn what_is_not_asked_for_is_never_sent() {
        let request = Request::post("/").header(EXPECT, "100-continue").body(Body::from("much"));
        let (mut request, sent) = watch(request.unwrap());
        // Removes what would hear the engine ask for the body.
        request.extensions_mut().clear();
        let mut context = Context::from_waker(std::task::Waker::noop());
        for _ in 0..2 {
            assert!(Pin::new(request.body_mut()).poll_frame(&mut context).is_pending());
        }
        assert!(!sent.all());
    }
}
