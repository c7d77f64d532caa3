//! What happens in an engine, as it happens.

use super::{EngineError, Result, transport::Transport};
use crate::{brief::brief, lenient::or_default};
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
pub enum EngineEvent {
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
pub struct Events(Pin<Box<dyn Stream<Item = Result<EngineEvent>> + Send>>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl Stream for Events {
    type Item = Result<EngineEvent>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl Events {
    pub(super) fn new(transport: Transport, request: String, body: Incoming) -> Self {
        let source = Source { transport, request, body, unread: Vec::new(), lines: VecDeque::new() };
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
    /// What has come of a line that has not ended yet.
    unread: Vec<u8>,
    lines: VecDeque<Vec<u8>>,
}

impl Source {
    /// `None` when the engine has closed the stream, as it does when it stops.
    async fn next(&mut self) -> Result<Option<EngineEvent>> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                let nonsense =
                    |error| EngineError::Nonsense { request: self.request.clone(), why: brief(error) };
                return EngineEvent::parse(&line).map(Some).map_err(nonsense);
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|source| self.transport.lost(&self.request, source))?;
            if let Some(bytes) = frame.data_ref() {
                self.take(bytes)?;
            }
        }
    }

    /// One event is one line; a piece may end anywhere.
    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.unread.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.unread);
            if !line.trim_ascii().is_empty() {
                self.lines.push_back(line);
            }
        }
        self.unread.extend_from_slice(bytes);
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

impl EngineEvent {
    /// Reads an event as the engine writes it. Kinds that weft does not know, and networks of Swarm, are
    /// [`EngineEvent::Other`].
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(kind: &str, action: &str, id: &str) -> EngineEvent {
        let json = format!(r#"{{"Type":"{kind}","Action":"{action}","Actor":{{"ID":"{id}"}}}}"#);
        EngineEvent::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn what_weft_has_nothing_to_do_with() {
        let id = "a".repeat(64);
        assert_eq!(parse("image", "pull", "busybox"), EngineEvent::Other);
        assert_eq!(parse("network", "create", "x3mz9yjk0qn2bvw8dn4kq7c5t"), EngineEvent::Other, "Swarm's");
        let EngineEvent::Container(event) = parse("container", "exec_create: sh", &id) else { panic!() };
        assert_eq!(event.action, ContainerAction::Other);
        let EngineEvent::Network(event) = parse("network", "update", &id) else { panic!() };
        assert_eq!(event.action, NetworkAction::Other);
    }

    proptest! {
        #[test]
        fn nothing_panics(body: Vec<u8>, text in "\\PC{0,60}") {
            let _ = EngineEvent::parse(&body);
            let _ = EngineEvent::parse(text.as_bytes());
            let _ = EngineEvent::parse(format!(r#"{{"Type":"network","Action":"create","Actor":{text}}}"#).as_bytes());
        }
    }
}
