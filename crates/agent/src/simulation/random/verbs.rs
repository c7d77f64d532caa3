//! What is asked of the nodes.

use super::{
    VERB_DEADLINE, World,
    engine::is_sandbox,
    ledger::{Fate, Ledger},
};
use crate::{
    core::Core,
    simulation::{network_in, witness::ENCRYPTED},
};
use rand::RngExt;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::time::timeout;
use weft_model::{EndpointId, NetworkId};
use weft_plan::Netns;
use weft_verbs::{Attach, Error};

/// Few, so that requests meet.
pub(super) const NETWORKS: usize = 3;
/// The number of the one that is encrypted.
const ENCRYPTED_NETWORK: usize = 2;
pub(super) const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl World {
    /// Starts a verb on a node, unless its agent is not running.
    pub(super) fn ask<T, F>(
        &mut self,
        node: usize,
        verb: impl FnOnce(Arc<Core>) -> F,
        answered: impl FnOnce(&mut Ledger, Result<T, Error>) + Send + 'static,
    ) where
        F: Future<Output = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        if !self.nodes[node].is_running() {
            return;
        }
        let verb = verb(self.nodes[node].core());
        let ledger = Arc::clone(&self.ledger);
        let verb = self.nodes[node].spawn(async move {
            let result = timeout(VERB_DEADLINE, verb).await;
            let mut ledger = lock(&ledger);
            match result {
                Ok(result) => answered(&mut ledger, result),
                Err(_) => ledger.violations.push(format!("a verb took longer than {VERB_DEADLINE:?}")),
            }
        });
        self.verbs[node].push(verb);
    }

    pub(super) fn create(&mut self, node: usize) {
        let number = self.rng.random_range(0..NETWORKS);
        self.tell(format!("host{}: create net{number}", node + 1));
        // Five addresses: soon full, and soon handed out again.
        let mut request = network_in(&format!("net{number}"), &format!("10.0.{number}.0/29"));
        if number == ENCRYPTED_NETWORK {
            request.options.insert("encrypted".to_owned(), String::new());
            request.options.insert("vni".to_owned(), ENCRYPTED.to_string());
        }
        let losses = lock(&self.ledger).losses;
        let verb = |core: Arc<Core>| async move { core.networks.create(request).await };
        self.ask(node, verb, move |ledger, created| drop(created.map(|id| ledger.created(id, losses))));
    }

    pub(super) fn remove_network(&mut self, node: usize) {
        let Some(id) = self.any_network() else { return };
        self.tell(format!("host{}: remove {}", node + 1, id.short()));
        if !self.nodes[node].is_running() {
            return;
        }
        let before = lock(&self.ledger).removing(id);
        let verb = move |core: Arc<Core>| async move { core.networks.remove(&id.to_string()).await };
        self.ask(node, verb, move |ledger, result| ledger.removed(id, before, &result));
    }

    pub(super) fn attach(&mut self, node: usize) {
        let name = NAMES[self.rng.random_range(0..NAMES.len())];
        let network = format!("net{}", self.rng.random_range(0..NETWORKS));
        // Now and then the namespace of a container there is, whatever it is on already.
        let netns = match self.any_container(node) {
            Some(netns) if self.rng.random_bool(0.3) => netns,
            _ => {
                self.containers += 1;
                let netns = PathBuf::from(format!("/run/netns/c{}", self.containers));
                self.nodes[node].kernel.add_container(netns.clone());
                netns
            }
        };
        self.tell(format!("host{}: attach {} as {name} to {network}", node + 1, netns.display()));
        let twice = self.rng.random_bool(0.1);
        for _ in 0..=usize::from(twice) {
            let request = Attach::new(&network, name.parse().unwrap(), netns.clone());
            let began = lock(&self.ledger).attaching(node);
            let netns = netns.clone();
            let verb = |core: Arc<Core>| async move { core.endpoints.attach_netns(request).await };
            self.ask(node, verb, move |ledger, view| {
                drop(view.map(|attached| ledger.attached(node, began, netns, &attached.endpoint)));
            });
        }
    }

    pub(super) fn detach(&mut self, node: usize) {
        if !self.nodes[node].is_running() {
            return;
        }
        let here = self.endpoints_of(node);
        if here.is_empty() {
            return;
        }
        let (id, network) = here[self.rng.random_range(0..here.len())];
        self.tell(format!("host{}: detach {}", node + 1, id.short()));
        lock(&self.ledger).detaching(id);
        let verb = move |core: Arc<Core>| async move {
            core.endpoints.detach_endpoint(&network.to_string(), &id.to_string()).await
        };
        self.ask(node, verb, move |ledger, result| drop(result.map(|()| ledger.detached(id))));
    }

    /// Has another node take off its network what a node has that is away.
    pub(super) fn take_off(&mut self, node: usize) {
        let here = self.endpoints_of(node);
        if here.is_empty() {
            return;
        }
        let (id, network) = here[self.rng.random_range(0..here.len())];
        let other = (node + 1) % self.nodes.len();
        self.tell(format!("host{}: takes {} off, of host{}", other + 1, id.short(), node + 1));
        let began = lock(&self.ledger).taking_off(id, node);
        let verb = move |core: Arc<Core>| async move {
            core.endpoints.disconnect_container(&network.to_string(), &id.to_string(), true).await
        };
        self.ask(other, verb, move |ledger, result| drop(result.map(|()| ledger.taken_off(id, node, began))));
    }

    /// What a node has, as far as anybody was told.
    fn endpoints_of(&self, node: usize) -> Vec<(EndpointId, NetworkId)> {
        let ledger = lock(&self.ledger);
        let of_node = ledger.endpoints.iter().filter(|(_, e)| e.node == node && e.fate != Fate::Gone);
        of_node.map(|(id, e)| (*id, e.network)).collect()
    }

    /// Has a node given up by another.
    pub(super) fn give_up_node(&mut self, node: usize) {
        let other = (node + 1) % self.nodes.len();
        let name = self.nodes[node].config.node_name.clone();
        self.tell(format!("host{}: remove node {name}", other + 1));
        lock(&self.ledger).give_up(node);
        let verb = |core: Arc<Core>| async move { core.nodes.give_up_node(&name).await };
        self.ask(other, verb, move |ledger, _| ledger.give_up(node));
    }

    /// Ends a container, as its engine would: nobody tells weft.
    pub(super) fn end_container(&mut self, node: usize) {
        let Some(netns) = self.any_container(node) else { return };
        self.tell(format!("host{}: {} ends", node + 1, netns.display()));
        lock(&self.ledger).ended(node, netns.clone());
        self.nodes[node].kernel.remove_container(netns);
    }

    fn any_container(&mut self, node: usize) -> Option<PathBuf> {
        let mut containers = self.nodes[node].containers();
        containers.retain(|netns| !is_sandbox(netns));
        (!containers.is_empty()).then(|| containers[self.rng.random_range(0..containers.len())].clone())
    }

    fn any_network(&mut self) -> Option<NetworkId> {
        let all: Vec<NetworkId> = {
            let ledger = lock(&self.ledger);
            ledger.networks.iter().filter(|(_, fate)| **fate != Fate::Gone).map(|(id, _)| *id).collect()
        };
        (!all.is_empty()).then(|| all[self.rng.random_range(0..all.len())])
    }
}

impl crate::simulation::Node {
    pub(super) fn containers(&self) -> Vec<PathBuf> {
        let path = |place: &Netns| if let Netns::Container(path) = place { Some(path.clone()) } else { None };
        self.kernel.kernel(|kernel| kernel.namespaces.keys().filter_map(path).collect())
    }
}

pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap()
}
