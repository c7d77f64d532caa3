//! Servers that fail, lie or say nothing, and what the clients of Consul and etcd make of them.

use futures::StreamExt;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, timeout},
};
use weft_store::{
    CommitError, Condition, ConsulConfig, ConsulStore, EtcdConfig, EtcdStore, Revision, SessionId, Store,
    StoreError, Txn, Update,
};

/// What a server does with a request.
#[derive(Debug, Clone)]
enum Act {
    /// Answers with a status, headers and body.
    Answer(u16, &'static str, String),
    /// Hangs up.
    HangUp,
    /// Says nothing for ever.
    Silence,
}

/// A server that does the first thing with the first request, and the last one with all that follow.
async fn server(acts: Vec<Act>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (acts, next) = (Arc::new(acts), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acts, next) = (Arc::clone(&acts), Arc::clone(&next));
            tokio::spawn(async move {
                let mut request = [0; 64 * 1024];
                if stream.read(&mut request).await.unwrap_or(0) == 0 {
                    return;
                }
                let turn = next.fetch_add(1, Ordering::Relaxed).min(acts.len() - 1);
                match &acts[turn] {
                    Act::Answer(status, headers, body) => {
                        let length = body.len();
                        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}");
                        let answer = format!("{head}Connection: close\r\n\r\n{body}");
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                    Act::HangUp => {}
                    Act::Silence => std::future::pending().await,
                }
            });
        }
    });
    address
}

fn answer(status: u16, headers: &'static str, body: &str) -> Act {
    Act::Answer(status, headers, body.to_owned())
}

fn consul(servers: &[SocketAddr]) -> ConsulStore {
    let servers = servers.iter().map(ToString::to_string).collect();
    ConsulStore::new(&ConsulConfig { servers, tls: None, token: None }).unwrap()
}

fn etcd(server: SocketAddr) -> EtcdStore {
    EtcdStore::new(&EtcdConfig { servers: vec![server.to_string()], tls: None, user: None }).unwrap()
}

/// Both clients, on one server each that acts alike.
async fn both(act: Act) -> [Box<dyn Store>; 2] {
    let consul = consul(&[server(vec![act.clone()]).await]);
    [Box::new(consul), Box::new(etcd(server(vec![act]).await))]
}

fn put() -> Txn {
    Txn::new().put("key", "value", Condition::Always)
}

fn store_error(result: Result<(), CommitError>) -> StoreError {
    match result {
        Err(CommitError::Store(error)) => error,
        other => panic!("an error of the store was expected, not {other:?}"),
    }
}

/// Nothing listens there.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_server_that_is_not_there_changed_nothing() {
    let address = nowhere().await;
    for store in [Box::new(consul(&[address])) as Box<dyn Store>, Box::new(etcd(address))] {
        assert!(matches!(store.get("key").await, Err(StoreError::Unavailable { .. })));
        let error = store_error(store.commit(put()).await);
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(matches!(
            store.open_session(Duration::from_secs(20)).await,
            Err(StoreError::Unavailable { .. })
        ));
        let watched = store.watch("", Revision(1)).next().await;
        assert!(matches!(watched, Some(Err(StoreError::Unavailable { .. }))), "{watched:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_may_have_made_the_change() {
    for store in both(Act::HangUp).await {
        assert!(matches!(store.list("").await, Err(StoreError::Unavailable { .. })));
        let error = store_error(store.commit(put()).await);
        assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    for store in both(Act::Silence).await {
        let started = Instant::now();
        let (read, written) = futures::join!(store.get("key"), store.commit(put()));
        assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
        let error = store_error(written);
        assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn errors_that_say_nothing_was_done_are_believed() {
    for (body, certain) in
        [("No cluster leader", true), ("rpc error making call: EOF", false), ("leadership lost", false)]
    {
        let store = consul(&[server(vec![answer(500, "", body)]).await]);
        let error = store_error(store.commit(put()).await);
        assert_eq!(matches!(error, StoreError::Unavailable { .. }), certain, "{error:?}");
        assert_eq!(matches!(error, StoreError::Unknown { .. }), !certain, "{error:?}");
        assert!(matches!(store.get("key").await, Err(StoreError::Unavailable { .. })));
    }
    for (body, certain) in [
        (r#"{"error":"etcdserver: no leader","code":14}"#, true),
        (r#"{"error":"etcdserver: request timed out","code":14}"#, false),
    ] {
        let store = etcd(server(vec![answer(503, "", body)]).await);
        let error = store_error(store.commit(put()).await);
        assert_eq!(matches!(error, StoreError::Unavailable { .. }), certain, "{error:?}");
        assert!(matches!(store.get("key").await, Err(StoreError::Unavailable { .. })));
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_errors() {
    let deep = "[".repeat(200_000);
    let bodies = [
        "",
        "{}",
        "[[{\"revision\":\"5\"}]]",
        "null",
        "7",
        "[]]",
        "<html>",
        "[{\"Key\":1}]",
        "[{\"Key\":\"k\",\"ModifyIndex\":1,\"Value\":\"!\"}]",
        "{\"kvs\":7}",
        deep.as_str(),
    ];
    for body in bodies {
        for store in both(answer(200, "X-Consul-Index: 5\r\n", body)).await {
            for result in [store.list("").await.err(), store.get("key").await.err()] {
                let fine = matches!(&result, Some(StoreError::Malformed { .. }));
                assert!(fine, "{}: {body:.20}: {result:?}", store.describe());
            }
            let session = store.open_session(Duration::from_secs(20)).await;
            assert!(matches!(session, Err(StoreError::Malformed { .. })), "{body:.20}: {session:?}");
            let watched = timeout(Duration::from_secs(5), store.watch("", Revision(1)).next()).await.unwrap();
            assert!(matches!(watched, Some(Err(_))), "{}: {body:.20}: {watched:?}", store.describe());
        }
    }
    let web = answer(200, "Content-Type: text/html\r\n", "<html>Welcome to nginx!</html>");
    let error = consul(&[server(vec![web]).await]).list("").await.unwrap_err();
    assert!(error.to_string().contains("is this a Consul server?"), "{error}");
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    for store in both(answer(301, "Location: http://127.0.0.1:1/\r\n", "")).await {
        assert!(matches!(store.get("key").await, Err(StoreError::Malformed { .. })));
        assert!(matches!(store_error(store.commit(put()).await), StoreError::Malformed { .. }));
    }
}

#[tokio::test]
async fn a_conflict_names_only_keys_of_the_transaction() {
    let body = r#"{"Results":null,"Errors":[{"OpIndex":9,"What":"stale"}]}"#;
    let store = consul(&[server(vec![answer(409, "", body)]).await]);
    assert!(matches!(store_error(store.commit(put()).await), StoreError::Malformed { .. }));
    let body = r#"{"Results":null,"Errors":[{"OpIndex":0,"What":"Permission denied"}]}"#;
    let store = consul(&[server(vec![answer(409, "", body)]).await]);
    assert!(matches!(store_error(store.commit(put()).await), StoreError::Refused { .. }));
    let body = r#"{"Results":null,"Errors":[{"OpIndex":0,"What":"index is stale"}]}"#;
    let store = consul(&[server(vec![answer(409, "", body)]).await]);
    let conflict = store.commit(put()).await;
    assert!(matches!(&conflict, Err(CommitError::Conflict { keys }) if keys == &["key"]), "{conflict:?}");
}

#[tokio::test]
async fn another_server_is_tried() {
    let there = server(vec![answer(404, "X-Consul-Index: 5\r\n", "")]).await;
    let store = consul(&[nowhere().await, there]);
    for _ in 0..3 {
        assert_eq!(store.get("key").await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_index_that_goes_back_starts_again() {
    let acts = vec![
        answer(404, "X-Consul-Index: 50\r\n", ""),
        answer(404, "X-Consul-Index: 50\r\n", ""),
        // Any server may be behind: the leader is asked before it is believed.
        answer(404, "X-Consul-Index: 7\r\n", ""),
        answer(404, "X-Consul-Index: 7\r\n", ""),
        answer(404, "X-Consul-Index: 0\r\n", ""),
        answer(404, "X-Consul-Index: 0\r\n", ""),
        Act::Silence,
    ];
    let store = consul(&[server(acts).await]);
    let mut watch = store.watch("", Revision(40));
    for wanted in [50, 7, 0] {
        let Some(Ok(Update::Snapshot(listing))) = watch.next().await else { panic!("no snapshot") };
        assert_eq!(listing.revision, Revision(wanted));
    }
}

#[tokio::test]
async fn a_session_of_another_store_has_ended() {
    let store = etcd(nowhere().await);
    let foreign = SessionId("adf4238a-882b-9ddc-4a9d-5b6758e4159e".into());
    assert!(!store.renew_session(&foreign).await.unwrap());
    store.close_session(&foreign).await.unwrap();
    let bound = store.commit(Txn::new().put_bound("a", "", Condition::Always, foreign)).await;
    assert!(matches!(&bound, Err(CommitError::Conflict { keys }) if keys == &["a"]), "{bound:?}");
}
