//! The store in a real etcd.

use crate::{
    consul::ready,
    servers::{Server, tool},
    suite,
};
use futures::StreamExt;
use std::{process::Command, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use weft_store::{Condition, EtcdConfig, EtcdStore, EtcdUser, Event, Secret, Store, StoreError, Txn, Update};

fn store(port: u16, user: Option<EtcdUser>) -> EtcdStore {
    let config = EtcdConfig { servers: vec![format!("127.0.0.1:{port}")], tls: None, user };
    EtcdStore::new(&config).unwrap()
}

/// Calls a part of etcd's API that weft has no use for.
async fn call(server: &Server, path: &str, body: &str) {
    let url = format!("http://127.0.0.1:{}/v3/{path}", server.port);
    let response = reqwest::Client::new().post(url).body(body.to_owned()).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {:?}", response.text().await);
}

async fn put(store: &EtcdStore, key: &str) {
    store.commit(Txn::new().put(key, "", Condition::Always)).await.unwrap();
}

#[tokio::test]
async fn etcd_keeps_the_promises() {
    let Some(server) = Server::etcd(&[]) else { return };
    let store = store(server.port, None);
    ready(&store).await;
    suite::run(Arc::new(store), Duration::from_secs(4)).await;
}

#[tokio::test]
async fn a_watch_of_what_was_compacted_yields_a_snapshot() {
    let Some(server) = Server::etcd(&[]) else { return };
    let store = store(server.port, None);
    ready(&store).await;
    put(&store, "p/first").await;
    let before = store.list("p/").await.unwrap().revision;
    put(&store, "p/second").await;
    put(&store, "p/third").await;
    let now = store.list("p/").await.unwrap();
    call(&server, "kv/compaction", &format!(r#"{{"revision":"{}"}}"#, now.revision.0)).await;

    let mut watch = store.watch("p/", before);
    let snapshot = watch.next().await.unwrap().unwrap();
    assert_eq!(snapshot, Update::Snapshot(now));
    put(&store, "p/fourth").await;
    let Some(Ok(Update::Events { events, .. })) = watch.next().await else { panic!("no events") };
    assert!(matches!(&events[..], [Event::Put(entry)] if entry.key == "p/fourth"), "{events:?}");
}

#[tokio::test]
async fn users_have_to_say_who_they_are() {
    let Some(server) = Server::etcd(&[]) else { return };
    let nobody = store(server.port, None);
    ready(&nobody).await;
    with_users(&server).await;

    let user = |password: &str| {
        let password = Secret::new(password, "the test").unwrap();
        Some(EtcdUser { name: "root".into(), password })
    };
    let root = store(server.port, user("hunter2"));
    let mut watch = root.watch("k", root.list("k").await.unwrap().revision);
    put(&root, "k").await;
    assert!(root.get("k").await.unwrap().is_some());
    assert!(matches!(watch.next().await, Some(Ok(Update::Events { .. }))));

    for stranger in [nobody, store(server.port, user("hunter3"))] {
        let error = stranger.get("k").await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter"), "{error:?}");
    }
}

/// Has etcd require a login.
async fn with_users(server: &Server) {
    call(server, "auth/user/add", r#"{"name":"root","password":"hunter2"}"#).await;
    call(server, "auth/role/add", r#"{"name":"root"}"#).await;
    call(server, "auth/user/grant", r#"{"user":"root","role":"root"}"#).await;
    call(server, "auth/enable", "{}").await;
}

#[tokio::test]
async fn whoever_is_logged_out_logs_in_again() {
    let Some(openssl) = tool("openssl") else { return };
    let keys = tempfile::tempdir().unwrap();
    let [private, public] = ["private", "public"].map(|name| keys.path().join(name).display().to_string());
    let run = |arguments: &[&str]| {
        assert!(Command::new(&openssl).args(arguments).output().unwrap().status.success(), "{arguments:?}");
    };
    run(&["genrsa", "-traditional", "-out", &private, "2048"]);
    run(&["rsa", "-in", &private, "-pubout", "-out", &public]);
    let token = format!("--auth-token=jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=10m");
    let Some(server) = Server::etcd_plain(&[&token]) else { return };
    ready(&store(server.port, None)).await;
    with_users(&server).await;
    let password = Secret::new("hunter2", "the test").unwrap();
    let root = store(server.port, Some(EtcdUser { name: "root".into(), password }));
    put(&root, "a").await;
    let session = root.open_session(Duration::from_secs(30)).await.unwrap();
    for round in 0..2 {
        let log_in = r#"{"name":"root","password":"hunter2"}"#;
        let url = format!("http://127.0.0.1:{}/v3/auth", server.port);
        let client = reqwest::Client::new();
        let answer = client.post(format!("{url}/authenticate")).body(log_in).send().await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        // Any change of users moves the revision, and ends all tokens.
        let user = format!(r#"{{"name":"user{round}","password":"x"}}"#);
        let add =
            client.post(format!("{url}/user/add")).header("authorization", answer["token"].as_str().unwrap());
        assert!(add.body(user).send().await.unwrap().status().is_success());
        match round {
            0 => put(&root, "b").await,
            _ => assert!(root.renew_session(&session).await.unwrap()),
        }
    }
}

#[tokio::test]
async fn an_etcd_without_its_gateway_is_told_of() {
    let Some(server) = Server::etcd_plain(&["--enable-grpc-gateway=false"]) else { return };
    let store = store(server.port, None);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let error = store.get("k").await.unwrap_err();
        if !error.is_transient() {
            return assert!(error.to_string().contains("--enable-grpc-gateway"), "{error}");
        }
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(100)).await;
    }
}
