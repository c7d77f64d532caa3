//! The store in a real etcd.

use crate::{consul::ready, servers::Server, suite};
use std::{sync::Arc, time::Duration};
use weft_store::{EtcdConfig, EtcdStore};

fn store(port: u16) -> EtcdStore {
    let config = EtcdConfig { servers: vec![format!("127.0.0.1:{port}")], tls: None, user: None };
    EtcdStore::new(&config).unwrap()
}

#[tokio::test]
async fn etcd_keeps_the_promises() {
    let Some(server) = Server::etcd() else { return };
    let store = store(server.port);
    ready(&store).await;
    suite::run(Arc::new(store), Duration::from_secs(2)).await;
}
