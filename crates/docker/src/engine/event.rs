//! What happens in an engine, as it happens.

use super::{EngineError, Result, transport::Transport};
use crate::lenient::or_default;
use futures::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use weft_model::{ContainerId, EndpointName, NetworkId};

/// The longest event that is read, in bytes: a container's has all its labels.
const LONGEST: usize = 4 << 20;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// To a network.
    Network(NetworkEvent),
    /// To a container.
    Container(ContainerEvent),
    /// To something that weft has nothing to do with.
    Other,
}

/// Something that happened to a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkEvent {
    /// What.
    pub action: NetworkAction,
    /// To which network: the engine's id of it.
    pub network: NetworkId,
    /// The network's name.
    pub name: String,
    /// The network's driver.
    pub driver: String,
    /// The container that came or went.
    pub container: Option<ContainerId>,
}

/// What can happen to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkAction {
    /// It was created.
    Create,
    /// A container has joined it.
    Connect,
    /// A container has left it.
    Disconnect,
    /// It was removed.
    Destroy,
    /// Something else.
    #[serde(other)]
    Other,
}

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// What.
    pub action: ContainerAction,
    /// To which container.
    pub container: ContainerId,
    /// Its name now; `None` if it is none that can be resolved.
    pub name: Option<EndpointName>,
}

/// What can happen to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerAction {
    /// It was created.
    Create,
    /// It has started.
    Start,
    /// It has another name.
    Rename,
    /// Its process has ended.
    Die,
    /// It was removed.
    Destroy,
    /// Something else.
    #[serde(other)]
    Other,
}

/// Events, without an end but for an error: the caller begins anew then, and looks at everything.
pub struct Events(Pin<Box<dyn Stream<Item = Result<Event>> + Send>>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl Stream for Events {
    type Item = Result<Event>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl Events {
    pub(super) fn new(transport: Transport, request: String, body: Incoming) -> Self {
        let source = Source { transport, request, body, unread: Vec::new(), ready: VecDeque::new() };
        // Cancel-safe: what was read is kept in the source.
        let events = stream::try_unfold(source, |mut source| async move {
            let event = source.next().await?;
            Ok(event.map(|event| (event, source)))
        });
        Self(Box::pin(events))
    }
}

struct Source {
    transport: Transport,
    request: String,
    body: Incoming,
    unread: Vec<u8>,
    ready: VecDeque<Event>,
}

impl Source {
    /// `None` when the engine has closed the stream, as it does when it stops.
    async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|source| self.transport.lost(&self.request, source))?;
            if let Some(bytes) = frame.data_ref() {
                self.take(bytes)?;
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let nonsense = |source| EngineError::Nonsense { request: self.request.clone(), source };
        self.unread.extend_from_slice(bytes);
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            if !line.trim_ascii().is_empty() {
                self.ready.push_back(Event::parse(&line).map_err(nonsense)?);
            }
        }
        if self.unread.len() > LONGEST {
            return Err(EngineError::TooLarge { request: self.request.clone(), limit: LONGEST });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireEvent {
    #[serde(rename = "Type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    action: String,
    #[serde(default, deserialize_with = "or_default")]
    actor: WireActor,
}

#[derive(Default, Deserialize)]
struct WireActor {
    #[serde(rename = "ID", default, deserialize_with = "or_default")]
    id: String,
    #[serde(rename = "Attributes", default, deserialize_with = "or_default")]
    attributes: BTreeMap<String, String>,
}

impl Event {
    /// Reads an event as the engine writes it. Kinds that weft does not know, and networks of Swarm, are
    /// [`Event::Other`].
    ///
    /// # Errors
    /// If it is not an event at all.
    pub fn parse(json: &[u8]) -> serde_json::Result<Self> {
        let event: WireEvent = serde_json::from_slice(json)?;
        let known = match event.kind.as_str() {
            "network" => event.network().map(Self::Network),
            "container" => event.container().map(Self::Container),
            _ => None,
        };
        Ok(known.unwrap_or(Self::Other))
    }
}

impl WireEvent {
    fn network(&self) -> Option<NetworkEvent> {
        let attribute = |name| self.actor.attributes.get(name);
        Some(NetworkEvent {
            action: word(&self.action)?,
            network: self.actor.id.parse().ok()?,
            name: attribute("name").cloned().unwrap_or_default(),
            driver: attribute("type").cloned().unwrap_or_default(),
            container: attribute("container").and_then(|id| id.parse().ok()),
        })
    }

    fn container(&self) -> Option<ContainerEvent> {
        Some(ContainerEvent {
            action: word(&self.action)?,
            container: self.actor.id.parse().ok()?,
            name: self.actor.attributes.get("name").and_then(|name| name.parse().ok()),
        })
    }
}

fn word<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        serde::de::IntoDeserializer::into_deserializer(text);
    T::deserialize(text).ok()
}
