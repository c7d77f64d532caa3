//! Packets sent from a network namespace to see whether they pass.

use super::echo::{echo, smallest};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::Duration,
};
use weft_model::{Protocol, ServicePort};

/// How long to wait for each answer.
pub(super) const WITHIN: Duration = Duration::from_secs(1);

/// What to try.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// Where to.
    pub(crate) to: IpAddr,
    /// The largest packet that should pass, in octets.
    pub(crate) mtu: u16,
    /// The port to connect to, too.
    pub(crate) port: Option<ServicePort>,
    /// The name to ask for.
    pub(crate) name: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Tried {
    /// A small packet, and how long its answer took.
    pub(crate) small: io::Result<Duration>,
    /// The largest.
    pub(crate) large: io::Result<Duration>,
    /// A connection; none if no port was asked for, or one that does not say whether it was reached.
    pub(crate) connection: Option<io::Result<()>>,
    /// What a name server tells, if a name was to be asked for.
    pub(crate) told: Option<io::Result<Vec<IpAddr>>>,
}

/// Where containers ask for names.
const NAME_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)), 53);

/// Tries all of it at once, in the network namespace that the thread is in.
pub(super) fn try_out(trial: Trial) -> Tried {
    let Trial { to, mtu, port, name } = trial;
    thread::scope(|scope| {
        // One packet may be lost; the first to an address also while that is asked for.
        let twice = move |size| {
            let once = || echo(to, size, WITHIN);
            once().or_else(|error| if error.kind() == io::ErrorKind::TimedOut { once() } else { Err(error) })
        };
        let small = scope.spawn(move || twice(smallest(to)));
        let large = scope.spawn(move || twice(mtu.max(smallest(to))));
        let connection = port.filter(|port| port.protocol == Protocol::Tcp).map(|port| {
            let address = SocketAddr::new(to, port.port.get());
            TcpStream::connect_timeout(&address, 2 * WITHIN).map(drop)
        });
        let told = name.map(|name| weft_dns::ask(NAME_SERVER, &name, to, WITHIN));
        let died = |_| Err(io::Error::other("the thread panicked"));
        Tried {
            small: small.join().unwrap_or_else(died),
            large: large.join().unwrap_or_else(died),
            connection,
            told,
        }
    })
}
