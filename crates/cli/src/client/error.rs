//! What can go wrong between the command line and the agent.

use super::Host;
use std::{
    io::{self, ErrorKind},
    time::Duration,
};
use weft_api::docker::ErrorBody;

/// Why the agent did not do what it was asked, in words for the user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// What it takes to connect.
    #[error("cannot connect to the agent at {host}: {cause:#}")]
    Files { host: Host, cause: anyhow::Error },
    /// Nobody there, or not for us.
    #[error("cannot connect to the agent at {host}: {}", advice(host, cause))]
    Connect { host: Host, cause: io::Error },
    /// It went away in the middle.
    #[error("the connection to the agent at {host} broke")]
    Lost { host: Host, source: hyper::Error },
    /// It does not answer.
    #[error("the agent at {host} did not answer within {} s: look at its log", waited.as_secs())]
    Late { host: Host, waited: Duration },
    /// It said no.
    #[error("{}", body.message)]
    Refused { status: u16, body: ErrorBody },
    /// It said something else than expected.
    #[error(
        "the agent at {host} and this command do not understand each other ({what}: {why}); are they of the same version?"
    )]
    Nonsense { host: Host, what: String, why: String },
}

impl ClientError {
    /// The HTTP status, if it said no.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether this user may not ask.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Connect { cause, .. } if cause.kind() == ErrorKind::PermissionDenied)
    }
}

fn advice(host: &Host, error: &io::Error) -> String {
    if let Host::Tcp(tcp) = host {
        return match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::TimedOut | ErrorKind::HostUnreachable => format!(
                "{error}: does its agent run with --host {host}, and is TCP port {} open to this host?",
                tcp.port()
            ),
            _ => error.to_string(),
        };
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => "is `weft agent` running?".to_owned(),
        ErrorKind::PermissionDenied => {
            "permission denied; you are not in group weft: try sudo, or `usermod -aG weft USER` and a new login"
                .to_owned()
        }
        ErrorKind::WouldBlock => "it is too busy to accept a connection; look at its log".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do() {
        let connect =
            |kind: ErrorKind| ClientError::Connect { host: Host::default(), cause: kind.into() }.to_string();
        let missing = "cannot connect to the agent at /run/weft/weft.sock: is `weft agent` running?";
        assert_eq!(connect(ErrorKind::NotFound), missing);
        assert_eq!(connect(ErrorKind::ConnectionRefused), missing);
        assert!(connect(ErrorKind::PermissionDenied).contains("you are not in group weft"));
    }
}
