//! The proxy between a client and an engine that are scripted to the byte, on real sockets.

mod hostile;
mod networks;
mod passing;
mod tunnels;
mod wire;

use super::{Proxy, bind, serve};
use crate::{
    core::CoreVerbs,
    docker::Shared,
    simulation::{Node, cluster},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::net::UnixListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use weft_http::Inherited;
use wire::{Wire, soon};

/// A proxy, with a real core of a cluster of one node in memory.
struct Stand {
    dir: tempfile::TempDir,
    node: Node,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

impl Stand {
    async fn up() -> Self {
        let (_store, mut nodes) = cluster(1).await;
        let node = nodes.remove(0);
        let dir = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::open(dir.path()).unwrap());
        let verbs = Arc::new(CoreVerbs::new(node.core()));
        let mut proxy = Proxy::new(dir.path().join("engine.sock"), verbs, Arc::clone(&shared));
        proxy.patience = Duration::from_millis(500);
        let path = dir.path().join("proxy.sock");
        let stop = CancellationToken::new();
        tokio::spawn(serve(path.clone(), bind(&path, &Inherited::default()).unwrap(), proxy, stop.clone()));
        Self { dir, node, shared, _stop: stop.drop_guard() }
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
