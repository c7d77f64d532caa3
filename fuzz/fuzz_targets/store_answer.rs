//! What a Consul or an etcd server may answer: an error at worst, in time.
#![no_main]

use arbitrary::Arbitrary;
use futures::StreamExt;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use tokio::time::timeout;
use weft_fuzz::{Answer, Server};
use weft_store::{
    Condition, ConsulConfig, ConsulStore, EtcdConfig, EtcdStore, Revision, SessionId, Store, Txn,
};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    etcd: bool,
    status: Status,
    index: u8,
    body: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Status {
    Ok,
    NotFound,
    Conflict,
    Failed,
}

struct World {
    server: Server,
    consul: ConsulStore,
    etcd: EtcdStore,
}

thread_local! {
    static WORLD: World = {
        let server = Server::start();
        let servers = vec![server.address.to_string()];
        let consul = ConsulConfig { servers: servers.clone(), tls: None, token: None };
        let etcd = EtcdConfig { servers, tls: None, user: None };
        let consul = ConsulStore::new(&consul).expect("a server on loopback");
        let etcd = EtcdStore::new(&etcd).expect("a server on loopback");
        World { server, consul, etcd }
    };
}

/// Asks everything that a store can be asked; whatever comes of it, it comes.
async fn ask(store: &dyn Store) {
    let _ = store.list("weft/").await;
    let _ = store.get("weft/a").await;
    let txn =
        Txn::new().put("weft/a", *b"1", Condition::Absent).check("weft/b", Condition::Unchanged(Revision(1)));
    let _ = store.commit(txn).await;
    let _ = store.open_session(Duration::from_secs(20)).await;
    let _ = store.renew_session(&SessionId("7587".to_owned())).await;
    // A watch may wait for as long as nothing happens.
    let mut watch = store.watch("weft/", Revision(1));
    let _ = timeout(Duration::from_millis(5), watch.next()).await;
}

fuzz_target!(|input: Input<'_>| {
    let status = match input.status {
        Status::Ok => 200,
        Status::NotFound => 404,
        Status::Conflict => 409,
        Status::Failed => 500,
    };
    let answer = Answer { status, index: input.index.into(), body: input.body.to_vec() };
    WORLD.with(|world| {
        let store: &dyn Store = if input.etcd { &world.etcd } else { &world.consul };
        let asked = async { timeout(Duration::from_secs(25), ask(store)).await };
        assert!(world.server.run(answer, asked).is_ok(), "each of the five calls has a deadline");
    });
});
