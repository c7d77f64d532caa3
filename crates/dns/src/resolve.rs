//! From a query to its answer.

use crate::{
    answer::Answer,
    engine::EngineResolver,
    links::Links,
    names::{Names, NetworkNames},
    query::{ForeignQuestion, Query, Unusable},
    reverse,
    upstream::Servers,
    wire::{HEADER, PLAIN_UDP, encode, rcode, rtype},
};
use std::net::IpAddr;
use weft_model::NetworkId;

/// The largest answer over UDP, in bytes, also for a client that accepts more. Larger ones gain nothing over TCP.
const MAX_UDP: u16 = 4096;

/// The container that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsClient {
    /// The networks the container is on. The first one that knows a name answers.
    pub networks: Vec<NetworkId>,
    /// Names that only this container has for others there: they come before the names that all use.
    pub links: Links,
    /// Where everything else is asked.
    pub upstream: Upstream,
}

/// Where questions go that are not about the client's networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// Name servers that this host reaches. None: nothing else exists.
    Servers(Servers),
    /// The resolver of the container's engine.
    Engine(EngineResolver),
}

impl Upstream {
    fn is_nobody(&self) -> bool {
        matches!(self, Self::Servers(servers) if servers.addresses.is_empty())
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self::Servers(Servers::default())
    }
}

/// What a query came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Answers are as large as the client says it takes, 512 bytes if it does not say.
    Udp,
    /// Answers have up to 65535 bytes.
    Tcp,
}

/// What is to be done about a message.
#[derive(Debug, PartialEq, Eq)]
pub enum QueryOutcome {
    /// Nothing: it is no query.
    Silent,
    /// Send the answer that was written.
    Answered,
    /// Ask another server.
    Forward(ForeignQuestion),
}

/// Answers `message`, from `client`, into `out`, whose content is replaced. Does no I/O. `turn` rotates the
/// addresses of names that have several.
pub fn respond(
    message: &[u8],
    transport: Transport,
    names: &Names,
    client: &DnsClient,
    turn: usize,
    out: &mut Vec<u8>,
) -> QueryOutcome {
    let query = match Query::read(message) {
        Ok(query) => query,
        Err(Unusable::Silent) => return QueryOutcome::Silent,
        Err(Unusable::Refused(header, code)) => {
            Answer::new(out, HEADER, header, &[], None).finish(code);
            return QueryOutcome::Answered;
        }
    };
    let limit = match (transport, query.edns) {
        (Transport::Tcp, _) => u16::MAX,
        (Transport::Udp, Some(edns)) => edns.udp_size.min(MAX_UDP),
        (Transport::Udp, None) => PLAIN_UDP,
    };
    let mut answer = Answer::new(out, limit.into(), query.header, query.question, query.edns);
    if query.edns.is_some_and(|edns| edns.version != 0) {
        answer.finish(rcode::BADVERS);
    } else if !query.is_lookup() {
        answer.finish(rcode::REFUSED);
    } else if let Some(code) = own(&query, names, client, turn, &mut answer) {
        answer.authoritative();
        answer.finish(code);
    } else if client.upstream.is_nobody() {
        // Said at once and without doubt, so that a resolver goes on to its next idea.
        answer.finish(rcode::NXDOMAIN);
    } else {
        let Query { header, question, edns, .. } = query;
        return QueryOutcome::Forward(ForeignQuestion {
            header,
            question: question.into(),
            edns,
            limit: limit.into(),
        });
    }
    QueryOutcome::Answered
}

/// Writes what the client's networks know about the name. None: they do not know it.
fn own(
    query: &Query<'_>,
    names: &Names,
    client: &DnsClient,
    turn: usize,
    answer: &mut Answer<'_>,
) -> Option<u16> {
    let networks = || client.networks.iter().filter_map(|&id| names.network(id));
    if let Some(address) = reverse::address_of(query.name.as_bytes()) {
        return pointer(query.rtype, networks(), address, answer);
    }
    let known = known(query.name.as_bytes(), names, client);
    let _ = known.iter().any(|(_, addresses)| write_addresses(query.rtype, addresses, turn, answer));
    // A name of ours without an address of this family, or asked for its mail server: it exists, and has
    // none. Anything else would send the client elsewhere with it.
    (!known.is_empty()).then_some(rcode::NOERROR)
}

/// The addresses that each of the client's networks has for a name, given on the wire and in lower case.
fn known<'n>(asked: &[u8], names: &'n Names, client: &DnsClient) -> Vec<(NetworkId, &'n [IpAddr])> {
    let networks = || client.networks.iter().filter_map(|&id| Some((id, names.network(id)?)));
    let linked =
        networks().filter_map(|network| Some((network.0, client.links.addresses_of(network, asked)?)));
    let mut known: Vec<_> = linked.collect();
    if known.is_empty() {
        known.extend(networks().filter_map(|(id, network)| Some((id, network.addresses_of(asked)?))));
    }
    known
}

/// What a client is told of a name: for each family the addresses of the first of its networks that has some. None: its
/// networks do not know the name, and whoever is asked for everything else answers.
pub fn addresses(name: &str, names: &Names, client: &DnsClient) -> Option<Vec<(NetworkId, IpAddr)>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let known = known(&encode(&name.to_ascii_lowercase())?, names, client);
    if known.is_empty() {
        return None;
    }
    let of = |ipv4: bool| {
        let is_meant = move |address: &&IpAddr| address.is_ipv4() == ipv4;
        let first = known.iter().find(|(_, addresses)| addresses.iter().any(|a| is_meant(&a)));
        first
            .into_iter()
            .flat_map(move |(id, addresses)| addresses.iter().filter(is_meant).map(|address| (*id, *address)))
    };
    Some(of(true).chain(of(false)).collect())
}

/// Writes the addresses of the type in question. False if there are none.
fn write_addresses(rtype: u16, addresses: &[IpAddr], turn: usize, answer: &mut Answer<'_>) -> bool {
    let (ipv4, ipv6) = addresses.split_at(addresses.partition_point(IpAddr::is_ipv4));
    let wanted = match rtype {
        rtype::A => ipv4,
        rtype::AAAA => ipv6,
        rtype::ANY => addresses,
        _ => &[],
    };
    let (after, before) = wanted.split_at(turn.checked_rem(wanted.len()).unwrap_or(0));
    for address in before.iter().chain(after) {
        let fits = match address {
            IpAddr::V4(a) => answer.record(rtype::A, &[&a.octets()]),
            IpAddr::V6(a) => answer.record(rtype::AAAA, &[&a.octets()]),
        };
        if !fits {
            break;
        }
    }
    !wanted.is_empty()
}

/// Writes the name of an address. An address of the client's networks that nobody holds has no name, and is
/// no business of anybody outside.
fn pointer<'n>(
    rtype: u16,
    networks: impl Iterator<Item = &'n NetworkNames> + Clone,
    address: IpAddr,
    answer: &mut Answer<'_>,
) -> Option<u16> {
    if let Some(name) = networks.clone().find_map(|network| network.name_of(address)) {
        if matches!(rtype, rtype::PTR | rtype::ANY) {
            answer.record(rtype::PTR, &[name, &[0]]);
        }
        return Some(rcode::NOERROR);
    }
    networks.into_iter().any(|network| network.owns(address)).then_some(rcode::NXDOMAIN)
}
