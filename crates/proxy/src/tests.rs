//! The proxy between a client and an engine that are scripted to the byte, on real sockets.

mod hostile;
mod networks;
mod passing;
mod tunnels;
mod wire;

use super::{EngineNetworks, Proxy, bind, serve};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::UnixListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use weft_http::Inherited;
use weft_model::NetworkId;
use weft_verbs::fake::FakeVerbs;
use wire::{Wire, soon};

/// What the engine has of the cluster's networks, by its ids.
#[derive(Default)]
struct Noted(Mutex<BTreeMap<NetworkId, Option<NetworkId>>>);

impl EngineNetworks for Noted {
    fn engine_networks(&self) -> BTreeMap<NetworkId, Option<NetworkId>> {
        self.0.lock().unwrap().clone()
    }
}

/// A proxy, with a cluster that is a list in memory.
struct Stand {
    dir: tempfile::TempDir,
    verbs: Arc<FakeVerbs>,
    noted: Arc<Noted>,
    _stop: DropGuard,
}

impl Stand {
    async fn up() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (verbs, noted) = (FakeVerbs::new(), Arc::<Noted>::default());
        let engine = dir.path().join("engine.sock");
        let mut proxy = Proxy::new(engine, Arc::clone(&verbs) as _, Arc::clone(&noted) as _);
        proxy.patience = Duration::from_millis(500);
        let path = dir.path().join("proxy.sock");
        let stop = CancellationToken::new();
        tokio::spawn(serve(path.clone(), bind(&path, &Inherited::default()).unwrap(), proxy, stop.clone()));
        Self { dir, verbs, noted, _stop: stop.drop_guard() }
    }

    fn engine_path(&self) -> PathBuf {
        self.dir.path().join("engine.sock")
    }

    /// An engine that does what the test does.
    fn engine(&self) -> Engine {
        Engine(UnixListener::bind(self.engine_path()).unwrap())
    }

    /// A client, connected.
    async fn client(&self) -> Wire {
        Wire::connect(&self.dir.path().join("proxy.sock")).await
    }

    /// A client that has said this.
    async fn client_saying(&self, bytes: impl AsRef<[u8]>) -> Wire {
        let mut client = self.client().await;
        client.say(bytes).await;
        client
    }
}

struct Engine(UnixListener);

impl Engine {
    /// The next connection of the proxy's.
    async fn accept(&self) -> Wire {
        Wire::of(soon(self.0.accept()).await.unwrap().0)
    }

    /// The next connection, and the head of the request on it.
    async fn asked(&self) -> (Wire, String) {
        let mut wire = self.accept().await;
        let head = wire.head().await;
        (wire, head)
    }
}
