//! The store in a real Consul.

use crate::{servers::Server, suite};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use weft_store::{ConsulConfig, ConsulStore, Store};

fn store(port: u16) -> ConsulStore {
    let config = ConsulConfig { servers: vec![format!("127.0.0.1:{port}")], tls: None, token: None };
    ConsulStore::new(&config).unwrap()
}

/// Waits until sessions can be opened: the last thing a server that starts becomes able to do.
pub async fn ready(store: &dyn Store) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match store.open_session(Duration::from_secs(10)).await {
            Ok(session) => return store.close_session(&session).await.unwrap(),
            Err(error) if error.is_transient() && Instant::now() < deadline => {}
            Err(error) => panic!("it does not become ready: {error:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn consul_keeps_the_promises() {
    let Some(server) = Server::consul(&[]) else { return };
    let store = store(server.port);
    ready(&store).await;
    suite::run(Arc::new(store), Duration::from_secs(2)).await;
}
