//! Ports of a host that lead to a container.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU16,
    str::FromStr,
};

/// What a published port carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// A port of a host that leads to a container, as people write it with `-p`: `8080:80`, `53:53/udp`,
/// `127.0.0.1:8080:80`, `[::1]:8080:80/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The host's address it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    #[serde(deserialize_with = "port_number")]
    pub host_port: NonZeroU16,
    /// The container's port.
    #[serde(deserialize_with = "port_number")]
    pub port: NonZeroU16,
    /// TCP or UDP.
    #[serde(default)]
    pub protocol: Protocol,
}

fn port_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU16, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let zero = || D::Error::custom("port 0 cannot be published: expected a number from 1 to 65535");
    NonZeroU16::new(number).ok_or_else(zero)
}

/// Why a string is not a [`PortMapping`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid port mapping {text:?}: {why}; expected [HOSTIP:]HOSTPORT:PORT[/tcp|/udp], as 8080:80")]
pub struct InvalidPortMapping {
    text: String,
    why: &'static str,
}

impl FromStr for PortMapping {
    type Err = InvalidPortMapping;
    fn from_str(text: &str) -> Result<Self, InvalidPortMapping> {
        parse(text).map_err(|why| InvalidPortMapping { text: text.chars().take(80).collect(), why })
    }
}

fn parse(text: &str) -> Result<PortMapping, &'static str> {
    let (ports, protocol) = match text.split_once('/') {
        None | Some((_, "tcp")) => (text.split('/').next().unwrap_or_default(), Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some(_) => return Err("the protocol can be only tcp or udp"),
    };
    let (rest, port) = ports.rsplit_once(':').ok_or("it says only one port")?;
    let (host_ip, host_port) = match rest.rsplit_once(':') {
        Some((ip, host_port)) => (Some(address(ip)?), host_port),
        None => (None, rest),
    };
    Ok(PortMapping { host_ip, host_port: number(host_port)?, port: number(port)?, protocol })
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or("a bracket is not closed")?;
        return inner
            .parse::<Ipv6Addr>()
            .map(IpAddr::V6)
            .map_err(|_| "there is no IPv6 address in the brackets");
    }
    if text.contains(':') {
        return Err("an IPv6 address needs brackets, as [::1]:8080:80");
    }
    text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| "HOSTIP is not an IP address")
}

fn number(text: &str) -> Result<NonZeroU16, &'static str> {
    // `parse` would take a sign.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a port is not a number");
    }
    text.parse().map_err(|_| "a port must be from 1 to 65535")
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            Some(IpAddr::V4(ip)) => write!(f, "{ip}:")?,
            None => {}
        }
        write!(f, "{}:{}/{}", self.host_port, self.port, self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        text.parse::<PortMapping>().unwrap().to_string()
    }

    fn why(text: &str) -> String {
        text.parse::<PortMapping>().unwrap_err().to_string()
    }

    #[test]
    fn as_docker_takes_them() {
        assert_eq!(canonical("8080:80"), "8080:80/tcp");
        assert_eq!(canonical("53:53/udp"), "53:53/udp");
        assert_eq!(canonical("127.0.0.1:8080:80"), "127.0.0.1:8080:80/tcp");
        assert_eq!(canonical("[::1]:8080:80/tcp"), "[::1]:8080:80/tcp");
    }

    #[test]
    fn says_why_not() {
        assert!(why("80").contains("only one port"));
        assert!(why("").contains("only one port"));
        assert!(why("0:80").contains("from 1 to 65535"));
        assert!(why("8080:65536").contains("from 1 to 65535"));
        assert!(why("8080:+80").contains("not a number"));
        assert!(why("8000-8010:80").contains("not a number"));
        assert!(why(":80").contains("not a number"));
        assert!(why("::1:8080:80").contains("needs brackets"));
        assert!(why("[::1:8080:80").contains("not closed"));
        assert!(why("[127.0.0.1]:8080:80").contains("no IPv6 address"));
        assert!(why("eth0:8080:80").contains("not an IP address"));
        assert!(why("8080:80/sctp").contains("only tcp or udp"));
        assert!(why("8080:80/udp/tcp").contains("only tcp or udp"));
    }

    fn any_mapping() -> impl Strategy<Value = PortMapping> {
        let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
        (any::<Option<IpAddr>>(), any::<NonZeroU16>(), any::<NonZeroU16>(), protocol).prop_map(
            |(host_ip, host_port, port, protocol)| PortMapping { host_ip, host_port, port, protocol },
        )
    }

    proptest! {
        #[test]
        fn text_and_back(mapping in any_mapping()) {
            prop_assert_eq!(mapping.to_string().parse(), Ok(mapping));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = text.parse::<PortMapping>();
        }

        #[test]
        fn never_panics_on_what_looks_right(text in "[0-9:\\[\\]/.udp]{0,30}") {
            let _ = text.parse::<PortMapping>();
        }
    }
}
