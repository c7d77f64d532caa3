//! What an endpoint belongs to.

use serde::{Deserialize, Serialize};
use weft_model::ProcessId;

/// What an endpoint belongs to, and ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Owner {
    /// A process that this agent started.
    Process(ProcessId),
    /// A container of an engine, which takes the interface from the host's namespace and sets it up.
    Engine {
        /// Whether the engine was told of the interface: from then on it is the engine's, wherever it is.
        handed_over: bool,
    },
    /// A network namespace that something else made, and takes away.
    Attached,
}

/// The same in a file: two fields of which one is there at most.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<EngineEnd>,
    #[serde(default)]
    process: Option<ProcessId>,
}

#[derive(Serialize, Deserialize)]
struct EngineEnd {
    handed_over: bool,
}

impl Owner {
    /// The process, if it is one.
    pub fn process(&self) -> Option<ProcessId> {
        match self {
            Self::Process(id) => Some(*id),
            Self::Engine { .. } | Self::Attached => None,
        }
    }

    /// Whether it is an engine's.
    pub fn is_engine(&self) -> bool {
        matches!(self, Self::Engine { .. })
    }
}

impl From<Written> for Owner {
    fn from(Written { engine, process }: Written) -> Self {
        match (engine, process) {
            (Some(EngineEnd { handed_over }), _) => Self::Engine { handed_over },
            (None, Some(id)) => Self::Process(id),
            (None, None) => Self::Attached,
        }
    }
}

impl From<Owner> for Written {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Process(id) => Self { engine: None, process: Some(id) },
            Owner::Engine { handed_over } => Self { engine: Some(EngineEnd { handed_over }), process: None },
            Owner::Attached => Self { engine: None, process: None },
        }
    }
}
