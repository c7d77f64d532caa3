//! A name server for each container of this node, in the container's own network namespace.

use super::names::Names;
use crate::{
    host::Host,
    journal::{LocalEndpoint, LocalEndpoints},
};
use arc_swap::ArcSwap;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use weft_dns::{
    Client, Resolver, ServerHandle,
    upstream::{PORT, ResolvConf, SERVER},
};
use weft_model::EndpointId;
use weft_plan::Place;

/// The name servers, by the namespace they are in.
pub(super) struct Resolvers {
    host: Arc<dyn Host>,
    resolver: Resolver,
    running: BTreeMap<PathBuf, Server>,
}

struct Server {
    /// The endpoints it was started for, and the namespace: a path may come to mean another.
    endpoints: Vec<EndpointId>,
    namespace: Option<u64>,
    client: Arc<ArcSwap<Client>>,
    _handle: ServerHandle,
}

impl Resolvers {
    /// None yet; they will answer from `names`.
    ///
    /// # Errors
    /// If the kernel gives no thread.
    pub(super) fn start(host: Arc<dyn Host>, names: &Names) -> io::Result<Self> {
        Ok(Self { host, resolver: Resolver::start(names.snapshot())?, running: BTreeMap::new() })
    }

    /// Starts what is missing and stops what is not needed any more. Returns where it could not, and why.
    pub(super) async fn serve(&mut self, endpoints: &LocalEndpoints) -> Vec<(Place, String)> {
        let mut wanted: BTreeMap<&Path, Vec<(EndpointId, &LocalEndpoint)>> = BTreeMap::new();
        // A resolver's socket would keep a namespace alive that somebody removed.
        for (id, local) in endpoints.iter().filter(|(_, local)| self.host.has_netns(&local.netns)) {
            wanted.entry(&local.netns).or_default().push((*id, local));
        }
        self.running.retain(|netns, server| {
            let for_them =
                |now: &Vec<(EndpointId, _)>| now.iter().any(|(id, _)| server.endpoints.contains(id));
            // Otherwise nothing of what it was started for is there: whatever is there now is another's.
            wanted.get(netns.as_path()).is_some_and(for_them)
                && self.host.which_netns(netns) == server.namespace
        });
        let upstream = ResolvConf::parse(&self.host.resolv_conf());
        let upstream = upstream.servers(|name| self.host.interface_index(name.as_str()));
        let mut failed = Vec::new();
        for (netns, locals) in wanted {
            let client = client(&locals, &upstream);
            let ids: Vec<EndpointId> = locals.iter().map(|(id, _)| *id).collect();
            if let Some(server) = self.running.get_mut(netns) {
                server.endpoints = ids;
                if **server.client.load() != client {
                    server.client.store(Arc::new(client));
                }
                continue;
            }
            match self.start_in(netns, ids, client).await {
                Ok(server) => drop(self.running.insert(netns.to_owned(), server)),
                Err(why) => failed.push((Place::Container(netns.to_owned()), why)),
            }
        }
        failed
    }

    async fn start_in(
        &self,
        netns: &Path,
        endpoints: Vec<EndpointId>,
        client: Client,
    ) -> Result<Server, String> {
        let address = SocketAddr::from((SERVER, PORT));
        let namespace = self.host.which_netns(netns);
        let no_names =
            |why: &dyn std::fmt::Display| format!("no names are served in {}: {why}", netns.display());
        let (udp, tcp) =
            self.host.resolver_sockets(netns, address).await.map_err(|error| no_names(&error))?;
        let client = Arc::new(ArcSwap::from_pointee(client));
        let handle = self.resolver.serve(udp, tcp, Arc::clone(&client)).map_err(|error| no_names(&error))?;
        Ok(Server { endpoints, namespace, client, _handle: handle })
    }
}

/// Whom a container asks: its networks in the order in which it joined them, and the host's name servers
/// unless all of its networks are internal.
fn client(locals: &[(EndpointId, &LocalEndpoint)], upstream: &[SocketAddr]) -> Client {
    let mut locals = locals.to_vec();
    locals.sort_by_key(|(id, local)| (local.endpoint.created, *id));
    let internal = locals.iter().all(|(_, local)| local.network.internal);
    Client {
        networks: locals.iter().map(|(_, local)| local.network_id).collect(),
        upstream: if internal { Vec::new() } else { upstream.to_vec() },
    }
}
