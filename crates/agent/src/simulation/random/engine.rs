//! What a container engine asks of the nodes, step by step as engines do, each of which may be the last.

use super::{
    NODES, World,
    ledger::Fate,
    verbs::{NETWORKS, lock},
};
use crate::core::Core;
use ipnet::IpNet;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{path::PathBuf, sync::Arc};
use weft_datapath::Fake;
use weft_model::{EndpointId, IfName, MacAddr};
use weft_plan::Netns;
use weft_verbs::{ContainerNames, Error, Join};

/// Where the sandboxes of an engine are.
const SANDBOXES: &str = "/run/docker/netns";

/// Whether the engine made this container's namespace.
pub(super) fn is_sandbox(netns: &std::path::Path) -> bool {
    netns.starts_with(SANDBOXES)
}

/// A container that its engine starts.
struct Starting {
    pool: IpNet,
    id: EndpointId,
    sandbox: PathBuf,
    names: Option<ContainerNames>,
    /// Whether the engine goes on after it has an address.
    joins: bool,
    kernel: Arc<Fake>,
}

impl World {
    /// Has an engine start a container on one of the networks, or give up half-way.
    pub(super) fn start_in_engine(&mut self, node: usize) {
        let number = self.rng.random_range(0..NETWORKS);
        self.containers += 1;
        let name = format!("e{}", self.containers);
        let mut ids = StdRng::seed_from_u64(self.rng.random_range(0..u64::MAX));
        let id = EndpointId::random(&mut ids);
        let names = ContainerNames {
            container: id.to_string(),
            name: name.parse().unwrap(),
            aliases: Vec::new(),
            links: Vec::new(),
        };
        let starting = Starting {
            pool: format!("10.0.{number}.0/29").parse().unwrap(),
            id,
            sandbox: PathBuf::from(format!("{SANDBOXES}/{name}")),
            names: self.rng.random_bool(0.5).then_some(names),
            joins: self.rng.random_bool(0.9),
            kernel: Arc::clone(&self.nodes[node].kernel),
        };
        self.tell(format!("host{}: its engine starts {name} on net{number} as {}", node + 1, id.short()));
        let began = lock(&self.ledger).attaching(node);
        let sandbox = starting.sandbox.clone();
        let verb = |core: Arc<Core>| async move { starting.go(&core).await };
        self.ask(node, verb, move |ledger, view| {
            drop(view.map(|view| view.map(|view| ledger.attached(node, began, sandbox, &view))));
        });
    }

    /// Has an engine stop one of its containers.
    pub(super) fn stop_in_engine(&mut self, node: usize) {
        let here: Vec<EndpointId> = {
            let ledger = lock(&self.ledger);
            let of_node = ledger.endpoints.iter().filter(|(_, e)| e.node == node && is_sandbox(&e.netns));
            of_node.filter(|(_, e)| e.fate == Fate::Here).map(|(id, _)| *id).collect()
        };
        if here.is_empty() || !self.nodes[node].is_running() {
            return;
        }
        let id = here[self.rng.random_range(0..here.len())];
        self.tell(format!("host{}: its engine stops {}", node + 1, id.short()));
        lock(&self.ledger).detaching(id);
        let verb = move |core: Arc<Core>| async move {
            let local = core.endpoints.here().get(&id).cloned();
            core.endpoints.leave_for_engine(id).await?;
            for (address, subnet) in local.iter().flat_map(|local| local.subnets()) {
                core.allocator.take_back(subnet.pool, address).await?;
            }
            Ok(())
        };
        self.ask(node, verb, move |ledger, result| drop(result.map(|()| ledger.detached(id))));
    }

    /// Has every engine take away what it does not know, as it does when it starts.
    pub(super) async fn clean_up_engines(&mut self) {
        self.tell("the engines take away what they do not know".to_owned());
        for node in 0..NODES {
            let core = self.ready(node).await;
            for endpoint in core.endpoints.endpoints_of_engines() {
                let promised =
                    lock(&self.ledger).endpoints.get(&endpoint.id).is_some_and(|e| e.fate == Fate::Here);
                if !promised {
                    lock(&self.ledger).detached(endpoint.id);
                    // An agent may have to ask whether it is the only one just then: an engine asks again.
                    while let Err(error) =
                        self.nodes[node].core().endpoints.leave_for_engine(endpoint.id).await
                    {
                        assert!(!self.nodes[node].owns_itself(), "{error}");
                        self.ready(node).await;
                    }
                }
            }
        }
    }

    /// The agent of a node, once it is in: after a reboot, engines start when it is ready.
    async fn ready(&mut self, node: usize) -> Arc<Core> {
        self.eventually(async |world| {
            world.restart_who_gave_up().await;
            let why = || format!("host{} is not in", node + 1);
            world.nodes[node].owns_itself().then_some(()).ok_or_else(why)
        })
        .await;
        self.nodes[node].core()
    }
}

impl Starting {
    async fn go(self, core: &Core) -> Result<Option<weft_verbs::EndpointView>, Error> {
        let address = core.allocator.reserve_address(self.pool, None).await?;
        if !self.joins {
            return Ok(None);
        }
        self.kernel.add_container(self.sandbox.clone());
        let request = Join {
            endpoint: self.id,
            addresses: vec![address],
            mac: MacAddr::for_ip(address.addr()),
            names: self.names.clone(),
            sandbox: self.sandbox.clone(),
        };
        let joined = core.endpoints.join_for_engine(request).await;
        if joined.is_err() {
            // As an engine does.
            core.endpoints.leave_for_engine(self.id).await?;
            core.allocator.take_back(self.pool, address.addr()).await?;
            self.kernel.remove_container(self.sandbox.clone());
        }
        self.take(&joined?.interface, address);
        let known = core.endpoints.here();
        let Some(local) = known.get(&self.id) else { return Ok(None) };
        Ok(Some(weft_verbs::EndpointView {
            id: self.id,
            endpoint: local.endpoint.clone(),
            network: local.network_id,
            network_name: local.network.name.clone(),
        }))
    }

    /// Moves the interface into the container and sets it up.
    fn take(&self, interface: &IfName, address: IpNet) {
        let (place, name) = (Netns::Container(self.sandbox.clone()), IfName::container(0));
        self.kernel.move_link((&Netns::Host, interface), (&place, &name));
        self.kernel.kernel(|kernel| {
            let namespace = kernel.namespaces.get_mut(&place);
            if let Some(link) = namespace.and_then(|namespace| namespace.links.get_mut(&name)) {
                link.up = true;
                link.addresses.insert(address);
            }
        });
    }
}
