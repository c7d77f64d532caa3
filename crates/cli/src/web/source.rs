//! What the page shows, asked of the agent.

use super::room::Rooms;
use crate::{
    client::Client,
    events::{Lines, kept},
    top::{Rates, Sample},
};
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};
use weft_api::{docker, v1};
use weft_model::Event;
use weft_web::{Picture, Rate, Source};

/// An agent, as the page asks it.
pub(super) struct AgentSource {
    client: Client,
    rooms: Rooms,
    rates: Mutex<Option<Sample>>,
}

impl AgentSource {
    pub(super) fn new(client: Client) -> Self {
        Self { client, rooms: Rooms::default(), rates: Mutex::default() }
    }

    /// How much goes through endpoints since the last look. What was counted is taken out of them: it changes all the time.
    fn rates(&self, endpoints: &mut [v1::Endpoint]) -> Vec<Rate> {
        let now = Sample::of(Instant::now(), &*endpoints);
        endpoints.iter_mut().for_each(|endpoint| endpoint.traffic = None);
        let mut before = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let rates = before.as_ref().map(|before| now.since(before)).unwrap_or_default();
        *before = Some(now);
        rates.iter().map(Rates::rounded).collect()
    }

    async fn picture(&self) -> anyhow::Result<Picture> {
        let client = &self.client;
        let (status, nodes, networks, mut endpoints) = tokio::try_join!(
            client.get::<v1::Status>("/weft/v1/status"),
            client.get::<Vec<v1::Node>>("/weft/v1/nodes"),
            client.get::<Vec<docker::Network>>("/networks"),
            client.get::<Vec<v1::Endpoint>>("/weft/v1/endpoints?traffic=true"),
        )?;
        let rates = self.rates(&mut endpoints);
        let room = self.rooms.of(client, &networks, &endpoints).await;
        Ok(Picture { status, nodes, networks, endpoints, room, rates })
    }
}

impl Source for AgentSource {
    async fn look(&self) -> Result<Picture, String> {
        Box::pin(self.picture()).await.map_err(|error| format!("{error:#}"))
    }

    async fn remembered(&self) -> Result<Vec<Event>, String> {
        kept(&self.client).await.map_err(|error| format!("{error:#}"))
    }

    async fn follow(&self, mut each: impl FnMut(Event) + Send) -> Result<(), String> {
        let mut lines = Lines::default();
        let followed = self.client.stream(hyper::Method::GET, "/weft/v1/events?follow=true", |bytes| {
            lines.add(bytes);
            // One of a kind that a later version has says nothing to this page.
            std::iter::from_fn(|| lines.next())
                .filter_map(|line| serde_json::from_slice(&line).ok())
                .for_each(&mut each);
            lines.check()
        });
        followed.await.map_err(|error| format!("{error:#}"))
    }
}
