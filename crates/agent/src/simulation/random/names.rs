//! What containers hear when they ask for names: over real sockets, which their node's name servers listen on.

use super::verbs::NAMES;
use crate::simulation::Node;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::PathBuf,
    time::Duration,
};
use weft_state::{cluster::Cluster, journal::LocalEndpoint};

/// Types of records (RFC 1035 section 3.2.2).
const A: u16 = 1;
const PTR: u16 = 12;
/// A name server that says nothing for so long, by the real clock, says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

impl Node {
    /// Whether each container hears of exactly the endpoints that are on its network.
    pub(super) fn tells_names(&self, cluster: &Cluster) -> Result<(), String> {
        let journal = self.core().endpoints.here();
        let here: Vec<&LocalEndpoint> = journal.values().collect();
        for local in &here {
            let others = here.iter().filter(|other| other.netns == local.netns).count();
            // Of a container on several networks, any of them may answer.
            if others == 1 && self.containers().contains(&local.netns) {
                self.tells_names_of(local, cluster)?;
            }
        }
        Ok(())
    }

    fn tells_names_of(&self, local: &LocalEndpoint, cluster: &Cluster) -> Result<(), String> {
        let (name, netns): (_, &PathBuf) = (&self.config.node_name, &local.netns);
        let server = self.name_server(netns);
        let server = server.ok_or_else(|| format!("{name}: nobody tells {} any names", netns.display()))?;
        let on_it = || cluster.endpoints_of(&local.network_id).map(|(_, endpoint)| endpoint);
        let all = cluster.all_endpoints().map(|(_, _, endpoint)| endpoint.name.to_string());
        let asked: BTreeSet<String> = NAMES.map(str::to_owned).into_iter().chain(all).collect();
        for asked in asked {
            let named = on_it().filter(|endpoint| endpoint.name.as_str() == asked);
            let there: BTreeSet<IpAddr> = named.flat_map(|endpoint| endpoint.addresses()).collect();
            let heard: BTreeSet<IpAddr> =
                ask(server, &asked, A).iter().filter_map(|data| ipv4(data)).collect();
            if heard != there {
                let network = &local.network.name;
                return Err(format!("{name}: {asked} on {network} is {there:?}, but called {heard:?}"));
            }
        }
        for address in local.network.subnets.iter().flat_map(|subnet| subnet.pool.hosts()) {
            let there = on_it().any(|endpoint| endpoint.addresses().any(|other| other == address));
            let IpAddr::V4(v4) = address else { continue };
            let [a, b, c, d] = v4.octets();
            let heard = !ask(server, &format!("{d}.{c}.{b}.{a}.in-addr.arpa"), PTR).is_empty();
            if heard != there {
                return Err(format!("{name}: {address} is somebody's: {there}, has a name: {heard}"));
            }
        }
        Ok(())
    }
}

fn ipv4(data: &[u8]) -> Option<IpAddr> {
    data.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets).into())
}

/// The data of the answers to a question (RFC 1035 section 4); none if there is no such name.
fn ask(server: SocketAddr, name: &str, rtype: u16) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut question = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, u8::try_from(rtype).unwrap(), 0, 1]);
    socket.send_to(&question, server).unwrap();
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).expect("the name server answers");
    let answer = &answer[..length];
    let mut at = question.len();
    let records = u16::from_be_bytes([answer[6], answer[7]]);
    let mut record = |_| {
        at = after_name(answer, at);
        let length = usize::from(u16::from_be_bytes([answer[at + 8], answer[at + 9]]));
        at += 10 + length;
        answer[at - length..at].to_vec()
    };
    (0..records).map(&mut record).collect()
}

/// Where a name ends: at a pointer to the rest of it, or at its root.
fn after_name(message: &[u8], mut at: usize) -> usize {
    loop {
        match message[at] {
            0 => return at + 1,
            pointer if pointer >= 0xc0 => return at + 2,
            length => at += 1 + usize::from(length),
        }
    }
}
