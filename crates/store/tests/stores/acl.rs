//! A Consul whose rules let weft do what it needs to, and no more, and what happens when they change.

use crate::{consul::ready, servers::Server};
use futures::StreamExt;
use reqwest::Client;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use weft_store::{Condition, Secret, Store, StoreError, StoreOptions, Txn, Update, connect};

const ROOT: &str = "weft/v1/";
const MASTER: &str = "11111111-2222-3333-4444-555555555555";
const SESSIONS: &str = r#"session_prefix "" { policy = "write" }"#;

fn consul() -> Option<Server> {
    let tokens = format!("tokens {{ master = \"{MASTER}\" }}");
    let acl = "enabled = true\n default_policy = \"deny\"\n enable_key_list_policy = true\n";
    Server::consul(&[&format!("-hcl=acl {{ {acl} {tokens} }}")])
}

/// Asks Consul's API as its master.
async fn call(server: &Server, path: &str, body: Value) -> Value {
    // It brings the cryptography that any client here needs.
    let store = format!("consul://127.0.0.1:{}", server.port).parse().unwrap();
    connect(&store, &StoreOptions::default(), None, &PathBuf::new()).unwrap();
    let url = format!("http://127.0.0.1:{}/v1/{path}", server.port);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let asked =
            Client::new().put(&url).header("x-consul-token", MASTER).body(body.to_string()).send().await;
        match asked {
            Ok(answer) if answer.status().is_success() => {
                return serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            }
            other if Instant::now() > deadline => panic!("{path}: {other:?}"),
            _ => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// A store whose token has these rules, and the policy they are in.
async fn ruled(server: &Server, name: &str, rules: &str) -> (Arc<dyn Store>, String) {
    let policy = call(server, "acl/policy", json!({"Name": name, "Rules": rules})).await;
    let token = call(server, "acl/token", json!({"Policies": [{"Name": name}]})).await;
    let token = Secret::new(token["SecretID"].as_str().unwrap(), "the test").unwrap();
    let url = format!("consul://127.0.0.1:{}", server.port).parse().unwrap();
    let store = connect(&url, &StoreOptions::default(), Some(token), &PathBuf::new()).unwrap().store;
    (store, policy["ID"].as_str().unwrap().to_owned())
}

async fn put(store: &dyn Store, key: &str) {
    store.commit(Txn::new().put(format!("{ROOT}{key}"), "", Condition::Always)).await.unwrap();
}

#[tokio::test]
async fn rules_for_its_own_keys_are_enough() {
    let Some(server) = consul() else { return };
    for (name, prefix) in [("wide", "weft/"), ("narrow", ROOT)] {
        let rules = format!("key_prefix \"{prefix}\" {{ policy = \"write\" }} {SESSIONS}");
        let (store, _) = ruled(&server, name, &rules).await;
        ready(&*store).await;
        put(&*store, "a").await;
        let mut updates = store.watch(ROOT, store.view(ROOT, None).await.unwrap().revision);
        put(&*store, name).await;
        let update = timeout(Duration::from_secs(5), updates.next()).await.expect("it is told");
        assert!(matches!(&update, Some(Ok(_))), "{name}: {update:?}");
    }
}

#[tokio::test]
async fn a_rule_that_is_lost_is_no_loss_of_keys() {
    let Some(server) = consul() else { return };
    let rules = format!("key_prefix \"weft/\" {{ policy = \"write\" }} {SESSIONS}");
    let (store, policy) = ruled(&server, "agents", &rules).await;
    ready(&*store).await;
    put(&*store, "a").await;
    let mut updates = store.watch(ROOT, store.view(ROOT, None).await.unwrap().revision);
    put(&*store, "b").await;
    assert!(matches!(updates.next().await, Some(Ok(Update::Events { .. }))));
    let path = format!("acl/policy/{policy}");
    // The list of all keys is still allowed, and shows none of them.
    let blind = format!(
        "key_prefix \"weft/\" {{ policy = \"deny\" }} key_prefix \"\" {{ policy = \"list\" }} {SESSIONS}"
    );
    for rules in [SESSIONS, &blind] {
        call(&server, &path, json!({"ID": policy, "Name": "agents", "Rules": rules})).await;
        let told = timeout(Duration::from_secs(20), updates.next()).await.expect("it is told");
        assert!(matches!(&told, None | Some(Err(StoreError::Refused { .. }))), "{told:?}");
    }
    assert!(matches!(store.get("weft/v1/a").await, Err(StoreError::Refused { .. })));
}
