//! What agents ask each other about the way from one endpoint to another, and what they find.

use crate::{EndpointId, EndpointName, NetworkId, NodeName, Protocol};
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU16, str::FromStr};

/// What a host is asked to look at: its part of the way between two endpoints of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// The network.
    pub network: NetworkId,
    /// The endpoint that is on the host that is asked.
    pub own: EndpointId,
    /// The one that packets from there go to, or come from.
    pub other: EndpointId,
    /// What the host does.
    pub part: ExaminedPart,
    /// A port of the endpoint that packets go to, if the question is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<ServicePort>,
    /// What the one calls the other, to be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A TCP port of the other's host that leads to it: of what is there for a check alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<NonZeroU16>,
    /// The largest packet to send, in bytes, if that is less than what the network carries at the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u16>,
}

/// How the endpoints are called that [`CheckOrder`]s are about, and nothing else.
pub const CHECK_PREFIX: &str = "weft-check-";

/// Whether an endpoint is there for a check, and goes again in a moment.
pub fn is_for_check(name: &EndpointName) -> bool {
    name.as_str().starts_with(CHECK_PREFIX)
}

/// The ports of a host of which one leads to what is there for a check.
pub const CHECK_PORTS: std::ops::Range<u16> = 20_000..30_000;

/// What a host is told by another that has all paths of a network checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOrder {
    /// To put something on a network that answers, for two minutes at most.
    Begin {
        /// The network.
        network: NetworkId,
        /// How it is called there: begins with [`CHECK_PREFIX`].
        name: EndpointName,
    },
    /// To take it off again.
    End {
        /// How it is called.
        name: EndpointName,
    },
}

/// What a host put on a network to be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// It.
    pub endpoint: EndpointId,
    /// The TCP port that it listens on.
    pub port: ServicePort,
    /// The port of its host that leads there, if one could be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<NonZeroU16>,
    /// How large a packet the network carries there, in bytes, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// A host's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExaminedPart {
    /// Packets begin there.
    Sends,
    /// They end there.
    Answers,
    /// It sends some, from the network namespace of its endpoint.
    Tries,
}

/// What becomes of a check of all paths of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum CheckNews {
    /// It has begun.
    Begun {
        /// The hosts that are up.
        hosts: Vec<NodeName>,
    },
    /// A host takes no part.
    Unready {
        /// It.
        host: NodeName,
        /// Why.
        why: String,
    },
    /// Packets were sent from one host's endpoint to another's.
    Way {
        /// From where.
        from: NodeName,
        /// Where to.
        to: NodeName,
        /// What came of it.
        findings: Vec<Finding>,
    },
    /// All was tried, and nothing of it is left.
    Ended,
}

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It keeps packets from passing.
    Problem,
    /// Packets pass, or it is not known; it is worth a look. So is what a later version calls otherwise.
    #[serde(other)]
    Warning,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The host that looked.
    pub node: NodeName,
    /// How it was found.
    pub verdict: Verdict,
    /// That, in a sentence.
    pub what: String,
    /// What mends it, or tells more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(node: &NodeName, what: impl Into<String>) -> Self {
        Self { node: node.clone(), verdict: Verdict::Ok, what: what.into(), mend: None }
    }

    /// Worth a look.
    pub fn warning(node: &NodeName, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { node: node.clone(), verdict: Verdict::Warning, what: what.into(), mend: Some(mend.into()) }
    }

    /// Not as it should be.
    pub fn problem(node: &NodeName, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { node: node.clone(), verdict: Verdict::Problem, what: what.into(), mend: Some(mend.into()) }
    }
}

/// A port that a program listens on, as people write it: `80`, `80/tcp`, `53/udp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServicePort {
    /// Its number.
    pub port: NonZeroU16,
    /// TCP or UDP.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Why a string is not a [`ServicePort`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid port {0:?}: expected PORT[/tcp|/udp] with a number from 1 to 65535, as 80 or 53/udp")]
pub struct InvalidServicePort(String);

impl FromStr for ServicePort {
    type Err = InvalidServicePort;
    fn from_str(text: &str) -> Result<Self, InvalidServicePort> {
        let invalid = || InvalidServicePort(text.chars().take(80).collect());
        let (number, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((number, "tcp")) => (number, Protocol::Tcp),
            Some((number, "udp")) => (number, Protocol::Udp),
            Some(_) => return Err(invalid()),
        };
        // `parse` would take a sign.
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let port = number.parse().ok().filter(|_| is_number).ok_or_else(invalid)?;
        Ok(Self { port, protocol })
    }
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ports_are_written_as_docker_does() {
        let parsed = |text: &str| text.parse::<ServicePort>().map(|port| port.to_string());
        assert_eq!(parsed("80").unwrap(), "80/tcp");
        assert_eq!(parsed("53/udp").unwrap(), "53/udp");
        for wrong in ["", "0", "65536", "+80", "-1", "80/", "80/sctp", "/tcp", "80/tcp/udp", " 80"] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[test]
    fn what_a_later_version_says_is_worth_a_look() {
        let said = r#"{"node":"host1","verdict":"splendid","what":"x","more":1}"#;
        assert_eq!(serde_json::from_str::<Finding>(said).unwrap().verdict, Verdict::Warning);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(port: NonZeroU16, is_udp: bool) {
            let protocol = if is_udp { Protocol::Udp } else { Protocol::Tcp };
            let port = ServicePort { port, protocol };
            prop_assert_eq!(port.to_string().parse(), Ok(port));
        }

        #[test]
        fn nothing_makes_it_panic(text: String) {
            let _ = text.parse::<ServicePort>();
        }
    }
}
