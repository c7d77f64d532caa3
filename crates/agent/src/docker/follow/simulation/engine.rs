//! An engine in memory, which asks the real door as real ones do, and can go wrong. It outlives the agents.

use crate::{
    docker::{
        door::Driver,
        follow::engine::{ConnectedEngine, EngineAddress},
    },
    underlay::EnginePool,
};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, watch},
    time::{sleep, timeout},
};
use weft_datapath::Fake;
use weft_docker::{
    engine::{
        ApiVersion, Container, ContainerAction, ContainerEvent, EngineError, EngineEvent, Member, Network,
        NetworkAction, NetworkEvent, NetworkList, NewNetwork,
    },
    plugin::PluginCall,
};
use weft_model::{ContainerId, EndpointId, NetworkId};

/// How long the engine takes to look something up.
const LOOK: Duration = Duration::from_millis(1);
/// How long it goes on to ask when nobody listens (moby, `pkg/plugins/client.go`).
const ASKING: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct FakeEngine {
    state: Mutex<State>,
    /// The agent's driver, while there is one.
    driver: watch::Sender<Option<Arc<Driver>>>,
    pub(super) kernel: Arc<Fake>,
    /// What must be done one after the other, by the id of the container or network.
    turns: Mutex<BTreeMap<String, Arc<AsyncMutex<()>>>>,
}

/// What the engine has, and what goes wrong with it.
pub(super) struct State {
    pub(super) up: bool,
    /// How often it was killed: what was under way then does not go on.
    pub(super) life: usize,
    pub(super) networks: BTreeMap<NetworkId, Network>,
    pub(super) containers: BTreeMap<ContainerId, Container>,
    /// The containers on each network.
    pub(super) endpoints: BTreeMap<EndpointId, (NetworkId, Member)>,
    subscribers: Vec<mpsc::UnboundedSender<EngineEvent>>,
    pub(super) rng: StdRng,
    /// How many of the next events nobody hears of.
    pub(super) lost_events: usize,
    /// How many of the next questions are refused.
    pub(super) refusals: usize,
    /// Whether its list of networks is that of its store, or it cannot read that: it shows nobody on them then.
    pub(super) blind: bool,
}

impl FakeEngine {
    pub(super) fn new(seed: u64, kernel: Arc<Fake>) -> Arc<Self> {
        let state = State {
            up: true,
            life: 0,
            networks: BTreeMap::new(),
            containers: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            subscribers: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            lost_events: 0,
            refusals: 0,
            blind: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            driver: watch::Sender::new(None),
            kernel,
            turns: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The state, for something that was begun in this `life`.
    pub(super) fn state_in(&self, life: usize) -> Result<MutexGuard<'_, State>, String> {
        let state = self.state();
        if state.life == life { Ok(state) } else { Err("the engine was killed".to_owned()) }
    }

    /// Gives the engine a driver, or takes it away: calls under way end.
    pub(super) fn plug(&self, driver: Option<Arc<Driver>>) {
        self.driver.send_replace(driver);
    }

    /// Asks the driver, as the engine of this `life`.
    pub(super) async fn ask(&self, life: usize, method: &str, body: Value) -> Result<Value, String> {
        let call = PluginCall::parse(method, body.to_string().as_bytes()).expect("the engine asks properly");
        let mut plugged = self.driver.subscribe();
        let _ = timeout(ASKING, plugged.wait_for(Option::is_some)).await;
        drop(self.state_in(life)?);
        let driver = plugged.borrow_and_update().clone();
        let driver = driver.ok_or("plugin \"weft\" not found")?;
        let answer = tokio::select! {
            answer = driver.carry_out(call) => answer,
            _ = plugged.changed() => return Err("the connection broke".to_owned()),
        };
        drop(self.state_in(life)?);
        answer.map(|reply| serde_json::to_value(reply).unwrap()).map_err(|error| error.to_string())
    }

    /// Waits until nothing else is being done with a container, or with a network: endpoints are made on it, or it is
    /// removed.
    pub(super) async fn turn(&self, id: &impl ToString) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.turns.lock().unwrap().entry(id.to_string()).or_default());
        turn.lock_owned().await
    }

    /// Ends where it is. Containers go on.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        state.up = false;
        state.life += 1;
        state.subscribers.clear();
    }

    /// Ends every stream of events: a follower has to begin anew.
    pub(super) fn break_events(&self) {
        self.state().subscribers.clear();
    }

    async fn look<T>(
        &self,
        look: impl FnOnce(&mut State) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        sleep(LOOK).await;
        let mut state = self.state();
        if !state.up {
            return Err(away());
        }
        if state.refusals > 0 {
            state.refusals -= 1;
            return Err(refused(500, "the engine's store is locked"));
        }
        look(&mut state)
    }
}

impl State {
    pub(super) fn tell(&mut self, event: EngineEvent) {
        if self.lost_events > 0 {
            self.lost_events -= 1;
            return;
        }
        self.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }

    pub(super) fn tell_of_network(
        &mut self,
        action: NetworkAction,
        network: &Network,
        container: Option<ContainerId>,
    ) {
        self.tell(EngineEvent::Network(NetworkEvent {
            action,
            network: network.id,
            name: network.name.to_string(),
            driver: network.driver.clone(),
            container,
        }));
    }

    pub(super) fn tell_of_container(&mut self, action: ContainerAction, container: ContainerId) {
        let name = self.containers.get(&container).and_then(|container| container.name.clone());
        self.tell(EngineEvent::Container(ContainerEvent { action, container, name }));
    }

    pub(super) fn named(&self, name: &str) -> Option<&Network> {
        self.networks.values().find(|network| network.name.as_str() == name)
    }
}

/// The engine's socket.
pub(super) struct FakeAddress(pub(super) Arc<FakeEngine>);

#[async_trait]
impl EngineAddress for FakeAddress {
    fn describe(&self) -> String {
        "/var/run/docker.sock".to_owned()
    }

    async fn connect(&self) -> Result<Arc<dyn ConnectedEngine>, EngineError> {
        self.0.look(|_| Ok(())).await?;
        Ok(Arc::new(Connected(Arc::clone(&self.0))))
    }
}

struct Connected(Arc<FakeEngine>);

#[async_trait]
impl ConnectedEngine for Connected {
    fn version(&self) -> String {
        "28.5.2".to_owned()
    }

    fn api(&self) -> ApiVersion {
        ApiVersion::NEWEST
    }

    async fn pools(&self) -> Result<Vec<EnginePool>, EngineError> {
        Ok(Vec::new())
    }

    async fn networks(&self) -> Result<NetworkList, EngineError> {
        let networks = |state: &mut State| Ok(state.networks.values().cloned().collect());
        Ok(NetworkList { networks: self.0.look(networks).await?, foreign: Vec::new() })
    }

    async fn network(&self, id: &NetworkId) -> Result<Network, EngineError> {
        let inspect = |state: &mut State| {
            let mut network = state.networks.get(id).cloned().ok_or_else(|| refused(404, "not found"))?;
            let on_it = state.endpoints.values().filter(|(on, _)| on == id && !state.blind);
            network.members = on_it.map(|(_, member)| member.clone()).collect();
            Ok(network)
        };
        self.0.look(inspect).await
    }

    async fn create_network(&self, network: &NewNetwork) -> Result<NetworkId, EngineError> {
        self.0.look(|_| Ok(())).await?;
        self.0.create_network(network).await.map_err(|why| refused(409, &why))
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<(), EngineError> {
        self.0.look(|_| Ok(())).await?;
        if !self.0.state().networks.contains_key(id) {
            return Err(refused(404, "not found"));
        }
        self.0.remove_network(*id).await.map_err(|why| refused(403, &why))
    }

    async fn containers(&self) -> Result<Vec<Container>, EngineError> {
        let list = |state: &mut State| {
            let mut containers: Vec<Container> = state.containers.values().cloned().collect();
            for attachment in containers.iter_mut().flat_map(|c| c.attachments.values_mut()) {
                attachment.aliases.clear();
            }
            Ok(containers)
        };
        self.0.look(list).await
    }

    async fn container(&self, id: &ContainerId) -> Result<Container, EngineError> {
        self.0.look(|state| state.containers.get(id).cloned().ok_or_else(|| refused(404, "not found"))).await
    }

    async fn reconnect(
        &self,
        container: &ContainerId,
        name: &str,
        id: &NetworkId,
    ) -> Result<(), EngineError> {
        let reconnect = |state: &mut State| {
            let network = state.networks.get(id).map(|network| network.name.to_string());
            let network = network.ok_or_else(|| refused(404, "not found"))?;
            let there: Vec<NetworkId> = state.networks.keys().copied().collect();
            let container = state.containers.get_mut(container).ok_or_else(|| refused(404, "not found"))?;
            let Some(attachment) = container.attachments.get_mut(name) else { return Ok(()) };
            // One that is there is left as it is.
            if network == name && attachment.network.is_some_and(|id| !there.contains(&id)) {
                attachment.network = None;
            }
            Ok(())
        };
        self.0.look(reconnect).await
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.0.look(|_| Ok(())).await?;
        self.0.start_container(*container).await.map_err(|why| refused(500, &why))
    }

    async fn events(&self) -> Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError> {
        let (subscriber, events) = mpsc::unbounded_channel();
        self.0
            .look(|state| {
                state.subscribers.push(subscriber);
                Ok(())
            })
            .await?;
        let next = |mut events: mpsc::UnboundedReceiver<EngineEvent>| async {
            events.recv().await.map(|event| (Ok(event), events))
        };
        Ok(futures::stream::unfold(events, next).boxed())
    }
}

fn away() -> EngineError {
    let source = io::Error::from(io::ErrorKind::ConnectionRefused);
    EngineError::Connect { socket: "/var/run/docker.sock".into(), source }
}

fn refused(status: u16, message: &str) -> EngineError {
    EngineError::Refused { request: "a question".to_owned(), status, message: message.to_owned() }
}
