//! What an endpoint belongs to.

use serde::{Deserialize, Serialize};
use weft_model::{OwnerKey, ProcessId};

/// What an endpoint belongs to, and ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Owner {
    /// A process that this agent started.
    Process(ProcessId),
    /// A container of an engine, which takes the interface from the host's namespace and sets it up.
    Engine {
        /// Whether the engine was told of the interface: from then on it is the engine's, wherever it is.
        handed_over: bool,
    },
    /// A container of a runtime that knows it by a key of its own.
    Runtime(RuntimeEnd),
    /// A network namespace that something else made, and takes away.
    Attached,
}

/// What a runtime has put on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeEnd {
    /// What the runtime calls it.
    pub key: OwnerKey,
    /// Which namespace it is (its inode): another one may get its path later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
}

/// The same in a file: fields of which one is there at most.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<EngineEnd>,
    #[serde(default)]
    process: Option<ProcessId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    runtime: Option<RuntimeEnd>,
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
            Self::Engine { .. } | Self::Runtime(_) | Self::Attached => None,
        }
    }

    /// The runtime's end, if it is one's.
    pub fn runtime(&self) -> Option<&RuntimeEnd> {
        match self {
            Self::Runtime(end) => Some(end),
            Self::Engine { .. } | Self::Process(_) | Self::Attached => None,
        }
    }

    /// Whether it is an engine's.
    pub fn is_engine(&self) -> bool {
        matches!(self, Self::Engine { .. })
    }
}

impl From<Written> for Owner {
    fn from(Written { engine, process, runtime }: Written) -> Self {
        match (engine, process, runtime) {
            (Some(EngineEnd { handed_over }), _, _) => Self::Engine { handed_over },
            (None, Some(id), _) => Self::Process(id),
            (None, None, Some(end)) => Self::Runtime(end),
            (None, None, None) => Self::Attached,
        }
    }
}

impl From<Owner> for Written {
    fn from(owner: Owner) -> Self {
        let none = Self { engine: None, process: None, runtime: None };
        match owner {
            Owner::Process(id) => Self { process: Some(id), ..none },
            Owner::Engine { handed_over } => Self { engine: Some(EngineEnd { handed_over }), ..none },
            Owner::Runtime(end) => Self { runtime: Some(end), ..none },
            Owner::Attached => none,
        }
    }
}
