//! `/weft/v1/check`: all ways between the hosts on a network are tried; what comes of it, a line of JSON each.

use super::lines::{answer, line};
use crate::api::{SharedVerbs, extract::Query, reply::Reply};
use axum::{body::Bytes, extract::State, response::Response};
use futures::Stream;
use serde::Deserialize;
use std::{io, sync::Arc};
use tokio::sync::mpsc::{self, Receiver};
use weft_model::CheckNews;

/// How many lines a slow client may be behind.
const BEHIND: usize = 16;

#[derive(Deserialize)]
pub(super) struct Which {
    network: String,
}

pub(super) async fn check(State(core): State<SharedVerbs>, Query(which): Query<Which>) -> Reply<Response> {
    // Refused here, where there is a status for it.
    let network = core.network(&which.network).await?.id;
    let (tell, hear) = mpsc::channel(BEHIND);
    // It ends by itself when nobody listens any more, and takes back what it made.
    tokio::spawn({
        let core = Arc::clone(&core);
        async move { core.check(network, tell).await }
    });
    Ok(answer(lines(hear)))
}

fn lines(mut news: Receiver<CheckNews>) -> impl Stream<Item = io::Result<Bytes>> {
    async_stream::try_stream! {
        while let Some(news) = news.recv().await {
            yield line(&news)?;
        }
    }
}
