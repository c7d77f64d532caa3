//! The Engine API, as far as weft asks for it (`api/swagger.yaml` of moby, versions 1.41 to 1.51).

mod client;
mod container;
mod error;
mod event;
mod network;
mod reconnect;
mod transport;
mod version;

pub use client::Engine;
pub use container::{Container, ContainerState, PlaceOnNetwork};
pub use error::EngineError;
pub use event::{ContainerAction, ContainerEvent, EngineEvent, Events, NetworkAction, NetworkEvent};
pub use network::{ConfiguredPool, ForeignNetwork, Member, Network, NetworkIpam, NetworkList, NewNetwork};
pub use version::ApiVersion;

pub use weft_api::docker::{Info, Version};

type Result<T> = std::result::Result<T, EngineError>;
