//! One page in a browser that shows the cluster as a host's agent sees it, and changes nothing: its files, what keeps other
//! pages and other hosts away from it, and what feeds it. Who is asked is up to the caller: see [`Source`].

mod answers;
mod feed;
mod files;
mod frame;
mod guard;
mod picture;
#[cfg(test)]
mod tests;
mod watcher;

pub use feed::Feed;
pub use picture::{Picture, Pool, Rate};
pub use watcher::{Source, watch};

use axum::{Router, routing::get};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weft_http::Limits;

/// A stream to a page never ends by itself: nothing is waited for.
const LIMITS: Limits = Limits { keep_alive: true, end_within: Duration::ZERO };

/// What answers a browser.
pub fn router<S: Source>(source: Arc<S>, feed: Arc<Feed>) -> Router {
    let events = Arc::clone(&source);
    let asked = Router::new()
        .route("/api/state", get(answers::state))
        .route("/api/stream", get(answers::stream))
        .with_state(feed)
        .route("/api/events", get(move || answers::events(events)));
    guard::guarded(files::routes().merge(asked))
}

/// Serves the page on `listener` for as long as `shutdown` lets it, with what `source` says.
pub async fn serve<S: Source>(listener: TcpListener, source: S, shutdown: CancellationToken) {
    let (source, feed) = (Arc::new(source), Arc::new(Feed::default()));
    let watching = watch(Arc::clone(&source), Arc::clone(&feed));
    tokio::select! {
        () = weft_http::serve(listener, router(source, feed), LIMITS, shutdown) => {}
        () = watching => {}
    }
}
