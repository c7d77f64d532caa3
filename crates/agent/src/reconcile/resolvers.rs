//! A name server for each container of this node, in the container's own network namespace.

use super::names::NameTables;
use crate::host::{Host, InSandbox};
use arc_swap::ArcSwap;
use futures::StreamExt;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use weft_dns::{
    DnsClient, EngineResolver, Links, QuestionCounts, Resolver, ServerHandle, Upstream,
    upstream::{PORT, ResolvConf, SERVER, Servers},
};
use weft_model::EndpointId;
use weft_plan::Netns;
use weft_state::journal::{LocalEndpoint, LocalEndpoints};

/// How long a sandbox is awaited that an engine is about to make.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for: an engine makes it some milliseconds after it said so, and starts a process in it
/// soon. To look takes microseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How many servers are started at once.
const AT_ONCE: usize = 16;

/// The name servers, by the namespace they are in.
pub(super) struct Resolvers {
    host: Arc<dyn Host>,
    resolver: Resolver,
    running: BTreeMap<PathBuf, Server>,
    /// The sandboxes that are not there yet, and until when they are awaited.
    awaited: BTreeMap<PathBuf, Instant>,
    /// The host's name servers, as they could be read last.
    upstream: Servers,
}

struct Server {
    /// The endpoints it was started for, and the namespace: a path may come to mean another.
    endpoints: Vec<EndpointId>,
    namespace: Option<u64>,
    client: Arc<ArcSwap<DnsClient>>,
    engine: Option<EngineSide>,
    _handle: ServerHandle,
}

/// An engine's resolver that a server of ours is before.
struct EngineSide {
    resolver: EngineResolver,
    _precedence: Box<dyn Send + Sync>,
}

/// The endpoints in one namespace.
type Locals<'e> = Vec<(EndpointId, &'e LocalEndpoint)>;

impl Resolvers {
    /// None yet; they will answer from `names`, and count in `counts` what they are asked.
    ///
    /// # Errors
    /// If the kernel gives no thread.
    pub(super) fn start(
        host: Arc<dyn Host>,
        names: &NameTables,
        counts: Arc<QuestionCounts>,
    ) -> io::Result<Self> {
        let upstream = ResolvConf::parse("").servers(|_| None);
        let resolver = Resolver::start(names.snapshot(), counts)?;
        Ok(Self { host, resolver, running: BTreeMap::new(), awaited: BTreeMap::new(), upstream })
    }

    /// Starts what is missing and stops what is not needed any more. Returns where it could not, and why.
    pub(super) async fn serve(&mut self, endpoints: &LocalEndpoints) -> Vec<(Netns, String)> {
        let wanted = self.wanted(endpoints);
        let stays = |netns: &Path, server: &Server| {
            wanted.get(netns).is_some_and(|locals| server.is_for(locals))
                // It is there; one that cannot be told from another is not another.
                && self.host.which_netns(netns).is_none_or(|now| server.namespace == Some(now))
        };
        let gone = self.running.iter().filter(|(netns, server)| !stays(netns, server));
        let gone: Vec<PathBuf> = gone.map(|(netns, _)| netns.clone()).collect();
        let_go(gone.iter().filter_map(|netns| self.running.remove(netns)));

        if let Ok(text) = self.host.resolv_conf() {
            let servers = ResolvConf::parse(&text).servers(|name| self.host.interface_index(name.as_str()));
            self.upstream = servers;
        }
        let upstream = self.upstream.clone();
        let mut missing = Vec::new();
        for (netns, locals) in wanted {
            match self.running.get_mut(netns) {
                Some(server) => server.follow(&locals, &upstream),
                None => missing.push((netns, locals)),
            }
        }
        let mut failed = Vec::new();
        for (netns, started) in self.start_all(missing, &upstream).await {
            match started {
                Ok(server) => drop(self.running.insert(netns.to_owned(), server)),
                Err(why) => {
                    let why = format!("no names are served in {}: {why}", netns.display());
                    failed.push((Netns::Container(netns.to_owned()), why));
                }
            }
        }
        failed
    }

    /// Starts servers, some at a time: in each namespace the kernel takes its while.
    async fn start_all<'e>(
        &self,
        missing: Vec<(&'e Path, Locals<'e>)>,
        upstream: &Servers,
    ) -> Vec<(&'e Path, Result<Server, String>)> {
        let start = |(netns, locals)| async move { (netns, self.start_in(netns, &locals, upstream).await) };
        let starting: Vec<_> = missing.into_iter().map(start).collect();
        futures::stream::iter(starting).buffer_unordered(AT_ONCE).collect().await
    }

    /// The endpoints by their namespaces, as far as these are there. A resolver's socket would keep one alive that
    /// somebody removed.
    fn wanted<'e>(&mut self, endpoints: &'e LocalEndpoints) -> BTreeMap<&'e Path, Locals<'e>> {
        let mut wanted: BTreeMap<&Path, Locals<'_>> = BTreeMap::new();
        for (id, local) in endpoints.iter() {
            wanted.entry(&local.netns).or_default().push((*id, local));
        }
        let mut awaited = std::mem::take(&mut self.awaited);
        wanted.retain(|netns, locals| {
            let is_there = self.host.has_netns(netns);
            if !is_there && is_engines(locals) {
                let until = awaited.remove(*netns).unwrap_or_else(|| Instant::now() + PATIENCE);
                self.awaited.insert(netns.to_path_buf(), until);
            }
            is_there
        });
        wanted
    }

    /// Waits until a sandbox is there that was not when it was last needed; for ever, if none is awaited any more.
    /// Safe to cancel.
    pub(super) async fn appeared(&self) {
        let now = Instant::now();
        let awaited = self.awaited.iter().filter(|(_, until)| **until > now);
        let mut awaited: Vec<(&Path, Instant)> =
            awaited.map(|(netns, until)| (netns.as_path(), *until)).collect();
        while !awaited.is_empty() {
            sleep(LOOK_AGAIN).await;
            if awaited.iter().any(|(netns, _)| self.host.has_netns(netns)) {
                return;
            }
            awaited.retain(|(_, until)| *until > Instant::now());
        }
        std::future::pending().await
    }

    async fn start_in(
        &self,
        netns: &Path,
        locals: &Locals<'_>,
        upstream: &Servers,
    ) -> Result<Server, String> {
        let namespace = self.host.which_netns(netns);
        let (udp, tcp, engine) = if is_engines(locals) {
            let taken = self.host.take_over_names(netns).await.map_err(|error| error.to_string())?;
            let InSandbox { udp, tcp, engine, precedence } = taken;
            (udp, tcp, Some(EngineSide { resolver: engine, _precedence: precedence }))
        } else {
            let address = SocketAddr::from((SERVER, PORT));
            let sockets = self.host.resolver_sockets(netns, address).await;
            let (udp, tcp) = sockets.map_err(|error| error.to_string())?;
            (udp, tcp, None)
        };
        let client = client(locals, engine.as_ref(), upstream);
        let client = Arc::new(ArcSwap::from_pointee(client));
        let handle = self.resolver.serve(udp, tcp, Arc::clone(&client)).map_err(|error| error.to_string())?;
        let endpoints = locals.iter().map(|(id, _)| *id).collect();
        Ok(Server { endpoints, namespace, client, engine, _handle: handle })
    }
}

/// An agent that stops leaves names to the engines, all of them at once.
impl Drop for Resolvers {
    fn drop(&mut self) {
        for thread in let_go(std::mem::take(&mut self.running).into_values()) {
            // A thread that panicked has let go as well.
            let _ = thread.join();
        }
    }
}

impl Server {
    /// Whether any of these is one that the server was started for: otherwise what is there now belongs to another
    /// container.
    fn is_for(&self, locals: &Locals<'_>) -> bool {
        is_engines(locals) == self.engine.is_some()
            && locals.iter().any(|(id, _)| self.endpoints.contains(id))
    }

    fn follow(&mut self, locals: &Locals<'_>, upstream: &Servers) {
        self.endpoints = locals.iter().map(|(id, _)| *id).collect();
        let client = client(locals, self.engine.as_ref(), upstream);
        if **self.client.load() != client {
            self.client.store(Arc::new(client));
        }
    }
}

/// Whether an engine has a resolver in the namespace of these.
fn is_engines(locals: &Locals<'_>) -> bool {
    locals.iter().any(|(_, local)| local.owner.is_engine())
}

/// Ends servers, those that are before an engine's each on a thread of its own: this blocks, but not for longer if
/// there are many.
fn let_go(servers: impl Iterator<Item = Server>) -> Vec<JoinHandle<()>> {
    let before_engines = servers.filter(|server| server.engine.is_some());
    let on_thread = |server| thread::Builder::new().name("names".to_owned()).spawn(move || drop(server));
    // Without a thread it ends here.
    before_engines.filter_map(|server| on_thread(server).ok()).collect()
}

/// What answers a container: its networks in the order in which it joined them, and besides its engine's resolver, or
/// the host's name servers unless all of its networks are internal.
fn client(locals: &Locals<'_>, engine: Option<&EngineSide>, servers: &Servers) -> DnsClient {
    let mut locals = locals.clone();
    locals.sort_by_key(|(id, local)| (local.endpoint.created, *id));
    let upstream = match engine {
        Some(engine) => Upstream::Engine(engine.resolver.clone()),
        None if locals.iter().all(|(_, local)| local.network.internal) => Upstream::default(),
        None => Upstream::Servers(servers.clone()),
    };
    let links = locals.iter().flat_map(|(_, local)| local.links.iter().map(|link| (local.network_id, link)));
    let links = Links::new(links);
    DnsClient { networks: locals.iter().map(|(_, local)| local.network_id).collect(), links, upstream }
}

#[cfg(test)]
mod tests;
