//! Why a server gave no answer, as a person would say it.

use std::{error::Error, fmt, io, time::Duration};

/// Why there is no answer, and what to look at.
#[derive(Debug)]
pub(crate) struct Unreached {
    cause: String,
    /// A question for the reader of the message.
    pub(crate) hint: String,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl Error for Unreached {}

impl Unreached {
    /// What an `error` of asking `servers` comes to.
    pub(crate) fn new(error: &reqwest::Error, servers: &[String]) -> Self {
        let causes = || std::iter::successors(error.source(), |cause| (*cause).source());
        let io = causes().filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
        let last = causes().last().map_or_else(|| error.to_string(), ToString::to_string);
        let all = causes().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let tls = ["certificate", "handshake", "TLS", "CorruptMessage"].iter().any(|word| all.contains(word));
        let cause = match io.map(io::Error::kind) {
            _ if tls => last,
            _ if error.is_timeout() && error.is_connect() => "connect timed out".to_owned(),
            Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
            Some(io::ErrorKind::TimedOut) => "timed out".to_owned(),
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "no route to it".to_owned()
            }
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "it hung up".to_owned(),
            _ if all.contains("IncompleteMessage") || all.contains("closed before") => {
                "it hung up".to_owned()
            }
            _ => last,
        };
        if all.contains("CertificateRevoked") {
            return Self::revoked();
        }
        if all.contains("certificate: Revoked") {
            return Self {
                cause: "the host that answers there was revoked".to_owned(),
                hint: "another host has to serve the store: see `weft store copy`".to_owned(),
            };
        }
        if ["DecryptError", "UnknownCA", "UnknownCa"].iter().any(|alert| all.contains(alert)) {
            return Self {
                cause: "it does not believe this host's certificate".to_owned(),
                hint: "is it of another cluster, or has the cluster another authority by now? `weft join` with a new token"
                    .to_owned(),
            };
        }
        let hint = if tls {
            "do the URL (+tls), kv.cacertfile, kv.certfile and kv.keyfile fit what it has?".to_owned()
        } else if all.contains("lookup") {
            "is its name right, and are the name servers in /etc/resolv.conf there?".to_owned()
        } else {
            hint(servers)
        };
        Self { cause, hint }
    }

    /// The server let this host know that it is no member any more.
    fn revoked() -> Self {
        Self {
            cause: "this host's certificate was revoked".to_owned(),
            hint: "somebody ran `weft node rm --revoke` of this host; if it is to be in again: `weft leave --force --purge`, and \
                   `weft join` with a new token"
                .to_owned(),
        }
    }

    /// This host has not any more the address that it was asked from.
    pub(crate) fn moved() -> Self {
        Self {
            cause: "the address of this host that it was asked from is gone".to_owned(),
            hint: "it is asked again from another".to_owned(),
        }
    }

    /// There was none within `waited`.
    pub(crate) fn silent(waited: Duration, servers: &[String]) -> Self {
        Self { cause: format!("no answer within {waited:.1?}"), hint: hint(servers) }
    }
}

fn hint(servers: &[String]) -> String {
    let port = |server: &String| server.rsplit_once(':').map(|(_, port)| port.to_owned());
    match servers {
        [one] => format!("does it run, is TCP {} open?", port(one).unwrap_or_default()),
        _ => "does any of them run, are their ports open?".to_owned(),
    }
}
