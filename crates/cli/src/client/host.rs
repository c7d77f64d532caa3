//! Where agents are: the socket of this host, or an address of another.

use super::UnixSocket;
use serde::Deserialize;
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// The port of the API, if nothing else is said: Docker's, with TLS.
const PORT: u16 = 2376;
/// Docker's without.
const IN_CLEAR: u16 = 2375;

/// As `--host` has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Host {
    /// `unix:///run/weft/weft.sock`, or its path alone.
    Unix(UnixSocket),
    /// `tcp://192.0.2.1:2376`.
    Tcp(TcpHost),
}

/// A port of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TcpHost {
    /// Its name, or its address without brackets.
    name: String,
    port: u16,
}

/// Why a text is not a [`Host`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidHost {
    /// Neither of the two.
    #[error("{0:?} is no host: expected unix:///PATH, as unix:///run/weft/weft.sock, or tcp://ADDRESS:2376")]
    Nonsense(String),
    /// The port of an API in clear.
    #[error(
        "port 2375 is that of Docker's API without TLS, which weft never speaks: take 2376, and certificates (`weft user add`)"
    )]
    InClear,
}

impl TcpHost {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where an agent is to listen.
    ///
    /// # Errors
    /// If it is no address.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        let address = self.name.parse::<IpAddr>().map_err(|_| {
            anyhow::anyhow!(
                "--host {self}: {:?} is no address of this host: write one, or 0.0.0.0 for all (IPv6: [::])",
                self.name
            )
        })?;
        Ok(SocketAddr::new(address, self.port))
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::Unix(UnixSocket::default())
    }
}

impl FromStr for Host {
    type Err = InvalidHost;
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let nonsense = || InvalidHost::Nonsense(text.chars().take(100).collect());
        let Some(rest) = text.strip_prefix("tcp://") else {
            return text.parse().map(Self::Unix).map_err(|_| nonsense());
        };
        let host = parse(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(nonsense)?;
        if host.port == IN_CLEAR { Err(InvalidHost::InClear) } else { Ok(Self::Tcp(host)) }
    }
}

fn parse(text: &str) -> Option<TcpHost> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.to_string(), port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None if port.is_empty() => PORT,
        None => return None,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (!name.is_empty() && name.len() <= 253 && name.bytes().all(is_plain)).then_some(TcpHost { name, port })
}

impl TryFrom<String> for Host {
    type Error = InvalidHost;
    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(socket) => socket.fmt(f),
            Self::Tcp(host) => host.fmt(f),
        }
    }
}

impl fmt::Display for TcpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.name.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "tcp://{open}{}{close}:{}", self.name, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_socket_or_a_port() {
        for (text, shown) in [
            ("unix:///a/b.sock", "/a/b.sock"),
            ("tcp://192.0.2.1:2376", "tcp://192.0.2.1:2376"),
            ("tcp://192.0.2.1", "tcp://192.0.2.1:2376"),
            ("tcp://[::]:9000/", "tcp://[::]:9000"),
            ("tcp://[2001:db8::1]", "tcp://[2001:db8::1]:2376"),
            ("tcp://host1.example.com:1", "tcp://host1.example.com:1"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), shown);
        }
        for bad in [
            "tcp://",
            "tcp://:2376",
            "tcp://a:0",
            "tcp://a:65536",
            "tcp://a:x",
            "tcp://::1",
            "tcp://[::1",
            "tcp://[x]:1",
            "tcp://a b",
            "tcp://a/b",
            "tcp://u@a",
            "ssh://a",
            "http://a:2376",
            "",
        ] {
            assert!(matches!(bad.parse::<Host>(), Err(InvalidHost::Nonsense(_))), "{bad}");
        }
    }

    #[test]
    fn the_port_in_clear_is_refused_everywhere() {
        for text in
            ["tcp://192.0.2.1:2375", "tcp://127.0.0.1:2375/", "tcp://[::1]:2375", "tcp://0.0.0.0:02375"]
        {
            assert!(matches!(text.parse::<Host>(), Err(InvalidHost::InClear)), "{text}");
        }
    }

    #[test]
    fn an_agent_listens_on_addresses_alone() {
        let address = |text: &str| match text.parse::<Host>().unwrap() {
            Host::Tcp(host) => host.address().map(|address| address.to_string()),
            Host::Unix(_) => unreachable!(),
        };
        assert_eq!(address("tcp://[::]").unwrap(), "[::]:2376");
        assert_eq!(address("tcp://0.0.0.0:2377").unwrap(), "0.0.0.0:2377");
        assert!(address("tcp://host1").unwrap_err().to_string().contains("no address of this host"));
    }
}
