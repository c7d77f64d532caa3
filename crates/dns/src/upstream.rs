//! The host's name servers, and what a container is told instead of them: `/etc/resolv.conf`, read and
//! written as resolv.conf(5) has it.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};
use weft_model::IfName;

/// Where a container's name server listens, inside the container's network namespace: the address Docker
/// uses.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// The port name servers are asked on.
pub const PORT: u16 = 53;

/// Name servers that are asked. Resolvers of containers would ask three (`MAXNS`, `resolv.h`), of which the host's own
/// may be the only one that answers; a file that a hundred VPNs wrote to is cut short.
const MAX_SERVERS: usize = 8;
/// How long a resolver waits for a name server where it does not say (`RES_TIMEOUT`, `resolv.h`), and the most that is
/// waited for.
const TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_TIMEOUT: u64 = 10;
/// Search domains a container gets; glibc before 2.26 and musl take fewer.
const MAX_SEARCH: usize = 32;
/// Options a container gets: more than there are.
const MAX_OPTIONS: usize = 32;
/// Bytes of a domain name as text.
const MAX_DOMAIN: usize = 253;

/// What a host's `resolv.conf` says. Lines and words that mean nothing are passed over, as resolvers do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// In the order in which they are to be asked.
    pub nameservers: Vec<Nameserver>,
    /// Domains to complete names with.
    pub search: Vec<String>,
    /// Such as `timeout:2`.
    pub options: Vec<String>,
}

/// The name servers to ask from the host, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    /// Where they listen, in the order in which they are to be asked.
    pub addresses: Vec<SocketAddr>,
    /// How long a client waits for an answer.
    pub timeout: Duration,
    /// Whether each question goes to another one first.
    pub rotate: bool,
}

impl Default for Servers {
    fn default() -> Self {
        Self { addresses: Vec::new(), timeout: TIMEOUT, rotate: false }
    }
}

/// A name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nameserver {
    /// Its address.
    pub address: IpAddr,
    /// The interface it is behind, for a link-local address: a name, or its index in digits.
    pub scope: Option<IfName>,
}

impl ResolvConf {
    /// Reads the text of a `resolv.conf`.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf.nameservers.extend(words.next().and_then(Nameserver::parse)),
                // The last one of these counts.
                Some("search") => conf.search = words.filter_map(domain).take(MAX_SEARCH).collect(),
                Some("domain") => conf.search = words.filter_map(domain).take(1).collect(),
                Some("options") => conf.options.extend(words.filter_map(option)),
                _ => {}
            }
            conf.nameservers.truncate(MAX_SERVERS);
            conf.options.truncate(MAX_OPTIONS);
        }
        conf
    }

    /// Where to ask, from the host: where no name server is given, on the host itself. `index_of` gives the
    /// index of an interface; a server behind one that is not there is left out.
    pub fn servers(&self, index_of: impl Fn(&IfName) -> Option<u32>) -> Servers {
        let own = || vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))];
        let given =
            || self.nameservers.iter().filter_map(|server| server.socket_address(&index_of)).collect();
        let timeout =
            self.options.iter().filter_map(|o| o.strip_prefix("timeout:")?.parse().ok()).next_back();
        Servers {
            addresses: if self.nameservers.is_empty() { own() } else { given() },
            timeout: timeout.map_or(TIMEOUT, |t: u64| Duration::from_secs(t.clamp(1, LONGEST_TIMEOUT))),
            rotate: self.options.iter().any(|option| option == "rotate"),
        }
    }

    /// The text of a container's `resolv.conf`: our server, the host's search domains and its options.
    pub fn for_container(&self) -> String {
        let mut text =
            "# Made by weft: this answers for containers, and asks the host's name servers.\n".to_owned();
        let _ = writeln!(text, "nameserver {SERVER}");
        if !self.search.is_empty() {
            let _ = writeln!(text, "search {}", self.search.join(" "));
        }
        // A container's name has no dots. Without this it would first be asked for in the search domains,
        // outside; Docker does the same.
        let ndots = (!self.options.iter().any(|o| o.starts_with("ndots:"))).then_some("ndots:0");
        let options: Vec<&str> = self.options.iter().map(String::as_str).chain(ndots).collect();
        let _ = writeln!(text, "options {}", options.join(" "));
        text
    }
}

impl Nameserver {
    fn parse(word: &str) -> Option<Self> {
        let (address, scope) = match word.split_once('%') {
            Some((address, scope)) => (address, Some(scope.parse().ok()?)),
            None => (word, None),
        };
        Some(Self { address: address.parse().ok()?, scope })
    }

    fn socket_address(&self, index_of: impl Fn(&IfName) -> Option<u32>) -> Option<SocketAddr> {
        match (self.address, &self.scope) {
            (IpAddr::V6(address), Some(scope)) => {
                let index = scope.as_str().parse().ok().or_else(|| index_of(scope))?;
                Some(SocketAddrV6::new(address, PORT, 0, index).into())
            }
            (address, _) => Some((address, PORT).into()),
        }
    }
}

/// A word that can be a search domain, and nothing else in another file.
fn domain(word: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (word.len() <= MAX_DOMAIN && word.bytes().all(plain)).then(|| word.to_owned())
}

/// A word that can be an option.
fn option(word: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_');
    (word.len() <= 32 && word.bytes().all(plain)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_resolvers_keep() {
        let conf = ResolvConf::parse(
            "# made by hand\n; so\ndomain old.example\nsearch a.example  b.example\n\
             nameserver 127.0.0.53\nnameserver\t2001:db8::53\nnameserver nonsense\nbogus 1\n\
             options timeout:2 edns0\noptions trust-ad\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n",
        );
        assert_eq!(conf.search, ["a.example", "b.example"]);
        assert_eq!(conf.options, ["timeout:2", "edns0", "trust-ad"]);
        let servers = conf.servers(|_| None);
        assert_eq!(
            servers.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["127.0.0.53:53", "[2001:db8::53]:53", "192.0.2.1:53", "192.0.2.2:53"]
        );
        assert_eq!((servers.timeout, servers.rotate), (Duration::from_secs(2), false));
    }

    #[test]
    fn a_link_local_server_needs_its_interface() {
        let conf =
            ResolvConf::parse("nameserver fe80::1%eth0\nnameserver fe80::2%7\nnameserver fe80::3%gone");
        let servers = conf.servers(|name| (name.as_str() == "eth0").then_some(2));
        assert_eq!(
            servers.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["[fe80::1%2]:53", "[fe80::2%7]:53"]
        );
    }

    #[test]
    fn a_host_without_servers_asks_itself() {
        assert_eq!(ResolvConf::parse("").servers(|_| None).addresses, ["127.0.0.1:53".parse().unwrap()]);
    }

    #[test]
    fn options_say_how_to_ask() {
        let servers = |text: &str| ResolvConf::parse(text).servers(|_| None);
        for (text, seconds) in [
            ("timeout:1", 1),
            ("timeout:0", 1),
            ("timeout:30", 10),
            ("timeout:x", 5),
            ("timeout:3 timeout:4", 4),
        ] {
            assert_eq!(servers(&format!("options {text}\n")).timeout, Duration::from_secs(seconds), "{text}");
        }
        assert!(servers("options attempts:1 rotate ndots:3").rotate);
        assert_eq!(servers("nameserver fe80::1%gone").addresses, []);
    }

    #[test]
    fn a_container_asks_us() {
        let conf = ResolvConf::parse("nameserver 192.0.2.1\nsearch example.com\noptions ndots:2 rotate");
        let text = conf.for_container();
        assert!(
            text.ends_with("nameserver 127.0.0.11\nsearch example.com\noptions ndots:2 rotate\n"),
            "{text}"
        );
        assert!(ResolvConf::default().for_container().ends_with("nameserver 127.0.0.11\noptions ndots:0\n"));
    }

    proptest! {
        #[test]
        fn any_text_gives_one_that_can_be_read_back(text in "(nameserver|search|options|domain|[ \\n%:.#]|\\PC)*") {
            let conf = ResolvConf::parse(&text);
            let again = ResolvConf::parse(&conf.for_container());
            prop_assert_eq!(&again.search, &conf.search);
            prop_assert!(again.options.starts_with(&conf.options));
            prop_assert_eq!(again.servers(|_| None).addresses, [SocketAddr::from((SERVER, PORT))]);
        }
    }
}
