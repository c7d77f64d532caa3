//! What the kernel says when it refuses.

use rustix::io::Errno;
use std::io;

/// A request to the kernel that failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused it.
    #[error("{}{}", io::Error::from_raw_os_error(*errno), message.as_deref().map(|m| format!(": {m}")).unwrap_or_default())]
    Refused {
        /// Its error number, positive.
        errno: i32,
        /// Its own sentence, where it gave one (NLMSGERR_ATTR_MSG).
        message: Option<String>,
    },
    /// The socket failed.
    #[error("netlink {doing} failed")]
    Socket {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel did not answer in time.
    #[error("the kernel did not answer within {0:?}: another program may be holding its network lock")]
    Timeout(std::time::Duration),
    /// The table changed during each attempt to read it.
    #[error("the kernel's table kept changing while it was read ({0} attempts)")]
    Interrupted(usize),
    /// The kernel's answer cannot be read.
    #[error("cannot read the kernel's answer: {0}")]
    Malformed(String),
    /// There is no such interface.
    #[error("there is no interface {0}")]
    NoLink(String),
}

impl NetlinkError {
    /// The kernel's error number, if it gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// Whether the kernel says that it knows nothing of what it was asked about: it was built without, or a module is
    /// missing. Of a part of netfilter it says EINVAL then (`nfnetlink_rcv_msg`), of a protocol of netlink EPROTONOSUPPORT.
    pub fn is_unsupported(&self) -> bool {
        let errno = match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Socket { source, .. } => source.raw_os_error(),
            _ => None,
        };
        [Errno::INVAL, Errno::OPNOTSUPP, Errno::PROTONOSUPPORT, Errno::AFNOSUPPORT]
            .iter()
            .any(|unsupported| errno == Some(unsupported.raw_os_error()))
    }
}
