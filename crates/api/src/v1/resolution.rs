//! Names, as a container asks for them.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use weft_model::{EndpointName, NetworkName, NodeName};

/// What a container is told that asks for a name: the answer to `GET /weft/v1/resolve?name=…&as=…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// What was asked for.
    pub name: String,
    /// Who asks.
    pub container: EndpointName,
    /// Where that is.
    pub node: NodeName,
    /// The networks it is on.
    pub networks: Vec<NetworkName>,
    /// Who answers.
    pub answered_by: AnsweredBy,
    /// The records of the answer, if weft answers.
    pub records: Vec<AddressRecord>,
}

/// Who answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    /// weft: it is a name of the container's networks.
    Weft,
    /// The name servers of the container's host, or its engine.
    NameServer,
}

/// An address that a name leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRecord {
    /// `A` or `AAAA`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The address.
    pub address: IpAddr,
    /// The network it is of.
    pub network: NetworkName,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointName>,
    /// Where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
}
