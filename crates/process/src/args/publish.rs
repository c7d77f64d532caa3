//! `-p [HOSTIP:]HOST:PORT[/tcp|udp]`.

use super::shown;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// What a published port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port of the host that leads to the process, as people write it: `8080:80`, `53:53/udp`,
/// `127.0.0.1:8080:80`, `[::1]:8080:80/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishArg {
    /// The host's address it is limited to.
    pub host_ip: Option<IpAddr>,
    /// The host's port, not 0.
    pub host_port: u16,
    /// The process's port, not 0.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// Why a string is not a [`PublishArg`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid port mapping {text:?}: {why}; expected [HOSTIP:]HOSTPORT:PORT[/tcp|/udp], as 8080:80")]
pub struct InvalidPublish {
    text: String,
    why: &'static str,
}

impl FromStr for PublishArg {
    type Err = InvalidPublish;
    fn from_str(text: &str) -> Result<Self, InvalidPublish> {
        parse(text).map_err(|why| InvalidPublish { text: shown(text), why })
    }
}

fn parse(text: &str) -> Result<PublishArg, &'static str> {
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
    Ok(PublishArg { host_ip, host_port: number(host_port)?, port: number(port)?, protocol })
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

fn number(text: &str) -> Result<u16, &'static str> {
    // `parse` would take a sign.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a port is not a number");
    }
    match text.parse() {
        Ok(0) | Err(_) => Err("a port must be from 1 to 65535"),
        Ok(port) => Ok(port),
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for PublishArg {
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
        text.parse::<PublishArg>().unwrap().to_string()
    }

    fn why(text: &str) -> String {
        text.parse::<PublishArg>().unwrap_err().to_string()
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

    fn any_publish() -> impl Strategy<Value = PublishArg> {
        let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
        (any::<Option<IpAddr>>(), 1u16.., 1u16.., protocol).prop_map(
            |(host_ip, host_port, port, protocol)| PublishArg { host_ip, host_port, port, protocol },
        )
    }

    proptest! {
        #[test]
        fn text_and_back(publish in any_publish()) {
            prop_assert_eq!(publish.to_string().parse(), Ok(publish));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = text.parse::<PublishArg>();
        }

        #[test]
        fn never_panics_on_what_looks_right(text in "[0-9:\\[\\]/.udp]{0,30}") {
            let _ = text.parse::<PublishArg>();
        }
    }
}
