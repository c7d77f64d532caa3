//! `/weft/v1/events`: what happened, and what happens, a line of JSON each.

use super::lines::{answer, line};
use crate::{
    api::{
        extract::{Query, flag},
        reply::Reply,
    },
    events::Events,
};
use axum::{body::Bytes, extract::State, response::Response};
use futures::Stream;
use jiff::Timestamp;
use serde::Deserialize;
use std::{io, sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;
use weft_model::Event;
use weft_verbs::Error;

#[derive(Deserialize)]
pub(in crate::api) struct Which {
    /// No event before this; absent: all that is kept, or none of it if events are followed.
    since: Option<String>,
    /// No event after this.
    until: Option<String>,
    /// Whether to go on with what happens, until that time or for ever.
    follow: Option<String>,
}

pub(in crate::api) async fn events(
    State(events): State<Arc<Events>>,
    Query(which): Query<Which>,
) -> Reply<Response> {
    let follows = flag(which.follow.as_deref());
    let since = time("since", which.since.as_deref())?;
    let until = time("until", which.until.as_deref())?;
    let since = since.or(follows.then(Timestamp::now));
    Ok(answer(lines(events, (since, until), follows)))
}

fn time(what: &str, text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    let parse = |text: &str| {
        let shown: String = text.chars().take(40).collect();
        text.parse()
            .map_err(|_| Error::invalid(format!("{what}={shown:?} is no time: write 2026-11-30T14:02:00Z")))
    };
    text.map(parse).transpose()
}

fn lines(
    events: Arc<Events>,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    follows: bool,
) -> impl Stream<Item = io::Result<Bytes>> {
    let is_meant = move |event: &Event| {
        since.is_none_or(|since| event.time >= since) && until.is_none_or(|until| event.time <= until)
    };
    async_stream::try_stream! {
        let (reading, mut news) = events.listen();
        // At most a few megabytes, read away from those who answer others.
        let past = move || reading.filter(is_meant).map(|event| line(&event)).collect::<Result<Vec<_>, _>>();
        for line in tokio::task::spawn_blocking(past).await.map_err(io::Error::other)?? {
            yield line;
        }
        if !follows {
            return;
        }
        loop {
            let left = until.map(|until| until.duration_since(Timestamp::now()));
            let left = left.map(|left| Duration::try_from(left).unwrap_or_default()).unwrap_or(Duration::MAX);
            match tokio::time::timeout(left, news.recv()).await {
                Ok(Ok(event)) if is_meant(&event) => yield line(&event)?,
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Lagged(missed))) => {
                    Err(io::Error::other(format!("the client is too slow: it missed {missed} events")))?;
                }
                Ok(Err(RecvError::Closed)) | Err(_) => break,
            }
        }
    }
}
