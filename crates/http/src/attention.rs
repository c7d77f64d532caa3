//! Tells on a connection whether the client is to send a request, or we are to answer.

use crate::{Kept, Slot};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    service::{Service, service_fn},
};
use hyper_util::service::TowerToHyperService;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::time::Instant;

/// One request and its answer: it is our turn until this is dropped, but while the request's body is waited for.
#[derive(Debug)]
struct Turn {
    slot: Arc<Slot>,
    began: Instant,
    /// Whether the answer has begun, which may come while there is more of the request.
    answered: AtomicBool,
}

impl Turn {
    fn waits_for_the_client(&self, waits: bool) {
        if self.answered.load(Ordering::Relaxed) {
            return;
        }
        if waits {
            // Since when it began, and not since the last byte: one a second is not asking.
            self.slot.listening(self.began);
        } else {
            self.slot.answering();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.slot.listening(Instant::now());
    }
}

/// Has `answer` answer a request of the connection that has `slot`, which is not to be taken from it meanwhile.
///
/// # Errors
/// Those of `answer`.
pub async fn attend<E, F>(
    slot: Arc<Slot>,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, E>
where
    F: Future<Output = Result<Response, E>>,
{
    let turn = Arc::new(Turn { slot, began: Instant::now(), answered: AtomicBool::new(false) });
    turn.slot.answering();
    let request = request.map(|body| Body::new(Asked { body, turn: Arc::downgrade(&turn) }));
    let response = answer(request).await?;
    turn.answered.store(true, Ordering::Relaxed);
    turn.slot.answering();
    // The turn ends with the answer's body.
    Ok(response.map(|body| Body::new(Kept::new(body, turn))))
}

/// What answers the requests of the connection that has `slot`, which is not to be taken from it meanwhile.
pub fn attentive(
    router: Router,
    slot: &Arc<Slot>,
) -> impl Service<hyper::Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + use<> {
    let (router, slot) = (TowerToHyperService::new(router), Arc::clone(slot));
    service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        attend(Arc::clone(&slot), request.map(Body::new), move |request| router.call(request))
    })
}

/// The body of a request.
struct Asked {
    body: Body,
    turn: std::sync::Weak<Turn>,
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Some(turn) = self.turn.upgrade() {
            turn.waits_for_the_client(polled.is_pending());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
