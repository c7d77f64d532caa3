//! What is said about networks, with an engine that knows nothing else, and a task that follows the cluster as
//! the real one does.

mod engine;

use super::{
    EngineNetworks, Stand,
    wire::{Wire, soon},
};
use engine::{Engine, usual};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use weft_http::{Inherited, Limits, Terms};
use weft_model::NetworkId;
use weft_verbs::{EndpointVerbs, JoinOptions, NetworkVerbs, ReadVerbs, fake::FakeVerbs};

/// A host with an engine, whose networks follow the cluster's unless they are told not to.
struct Host {
    stand: Stand,
    engine: Arc<Engine>,
    verbs: Arc<FakeVerbs>,
    follows: Option<AbortOnDropHandle<()>>,
}

impl Host {
    async fn up() -> Self {
        let stand = Stand::up().await;
        let engine = Arc::new(Engine::default());
        usual(&engine);
        let terms = Terms { group: None, instead: "" };
        let listener = weft_http::open(&stand.engine_path(), terms, &Inherited::default()).unwrap();
        let limits = Limits { keep_alive: true, end_within: Duration::ZERO };
        tokio::spawn(weft_http::serve(
            listener,
            Arc::clone(&engine).router(),
            limits,
            CancellationToken::new(),
        ));
        let verbs = Arc::clone(&stand.verbs);
        let mut host = Self { stand, engine, verbs, follows: None };
        host.follow();
        host
    }

    fn follow(&mut self) {
        let (engine, verbs) = (Arc::clone(&self.engine), Arc::clone(&self.verbs));
        let noted = Arc::clone(&self.stand.noted);
        let follow = async move {
            loop {
                let cluster: BTreeMap<NetworkId, _> =
                    verbs.networks().into_iter().map(|n| (n.id, n)).collect();
                let known = noted.engine_networks();
                for (id, network) in &cluster {
                    if !known.values().any(|clusters| *clusters == Some(*id)) {
                        let new = NetworkId::random(&mut rand::rng());
                        noted.0.lock().unwrap().insert(new, Some(*id));
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        engine.add(&new.to_string(), network.network.name.as_str(), "weft");
                    }
                }
                for (id, _) in known.iter().filter(|(_, clusters)| !cluster.contains_key(&clusters.unwrap()))
                {
                    noted.0.lock().unwrap().remove(id);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    engine.networks.lock().unwrap().remove(&id.to_string());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        self.follows = Some(AbortOnDropHandle::new(tokio::spawn(follow)));
    }

    async fn raw(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Length: {length}\r\n\r\n");
        let mut client: Wire = self.stand.client_saying(head + body).await;
        let (head, body) = client.answer().await;
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, body) = self.raw(method, path, &body.to_string()).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.raw("GET", path, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// What is refused with this status, in words.
    async fn refused(&self, expected: u16, method: &str, path: &str, body: Value) -> String {
        let (status, body) = self.ask(method, path, body).await;
        assert_eq!(status, expected, "{body}");
        body["message"].as_str().unwrap().to_owned()
    }

    /// Creates an overlay. Returns its id.
    async fn overlay(&self, name: &str) -> String {
        let wanted = json!({"Name": name, "Driver": "overlay", "Labels": {"for": name}});
        let (status, created) = self.ask("POST", "/v1.50/networks/create", wanted).await;
        assert_eq!((status, &created["Warning"]), (201, &json!("")), "{created}");
        created["Id"].as_str().unwrap().to_owned()
    }

    async fn names(&self, filters: Value) -> Vec<String> {
        let filters: String = filters.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let list = self.get(&format!("/networks?filters={filters}")).await;
        list.as_array().unwrap().iter().map(|n| n["Name"].as_str().unwrap().to_owned()).collect()
    }

    fn cluster(&self) -> Vec<String> {
        self.verbs.networks().into_iter().map(|network| network.network.name.to_string()).collect()
    }
}

#[tokio::test]
async fn an_overlay_is_the_clusters() {
    let host = Host::up().await;
    let id = host.overlay("overlay").await;
    assert_eq!(host.engine.told(), [""; 0], "the engine is not asked for it");
    assert_eq!(host.engine.find("overlay").unwrap()["Id"], *id, "it can be found by what was answered");
    assert_ne!(host.verbs.network("overlay").await.unwrap().id.to_string(), id);
    host.verbs.connect("overlay", "box", JoinOptions::default()).await.unwrap();
    for path in
        ["/networks/overlay", "/v1.50/networks/overlay?verbose=1", &format!("/networks/{}", &id[..12])]
    {
        let shown = host.get(path).await;
        assert_eq!(shown["Id"], *id);
        assert_eq!((&shown["Driver"], &shown["Scope"]), (&json!("overlay"), &json!("global")));
        assert_eq!(shown["IPAM"]["Driver"], "default");
        assert_eq!(shown["IPAM"]["Config"][0]["Subnet"], "10.0.0.0/24");
        assert_eq!(shown["Labels"], json!({"for": "overlay"}));
        let containers = shown["Containers"].as_object().unwrap();
        let container = containers.values().next().unwrap();
        assert_eq!((&container["Name"], &container["IPv4Address"]), (&json!("box"), &json!("10.0.0.2/24")));
        assert_eq!(shown["Peers"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_the_engine_says_of_others_is_not_touched() {
    let host = Host::up().await;
    host.overlay("overlay").await;
    let (status, list) = host.raw("GET", "/networks", "").await;
    assert_eq!(status, 200);
    for name in ["bridge", "mine", "busy"] {
        let bytes = host.engine.find(name).unwrap().to_string();
        assert!(list.contains(&bytes), "{list}");
        assert_eq!(host.raw("GET", &format!("/networks/{name}"), "").await.1, bytes);
    }
    assert_eq!(host.get("/networks").await.as_array().unwrap().len(), 5);
    let wanted = r#"{"Name":"n","Driver":"bridge",  "X":1.50}"#;
    let (status, body) = host.raw("POST", "/v1.50/networks/create", wanted).await;
    assert_eq!((status, body.as_str()), (201, r#"{"Id":"made by the engine"}"#));
    assert_eq!(host.engine.told(), ["POST /v1.50/networks/create", wanted]);
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"Driver":7}"#,
        r#"{"Driver":"overlay","Ingress":true}"#,
        r#"{"Driver":"overlay","Scope":"swarm"}"#,
    ] {
        assert_eq!(host.raw("POST", "/networks/create", body).await.0, 201, "{body}");
        assert_eq!(host.engine.told().last().unwrap(), body);
    }
    assert_eq!(host.cluster(), ["overlay"]);
}

#[tokio::test]
async fn lists_are_filtered_by_what_is_shown() {
    let host = Host::up().await;
    let id = host.overlay("overlay").await;
    host.overlay("other").await;
    host.verbs.connect("other", "box", JoinOptions::default()).await.unwrap();
    assert_eq!(host.names(json!({"driver": ["overlay"]})).await.len(), 2);
    assert_eq!(host.names(json!({"driver": ["weft"]})).await.len(), 2);
    assert_eq!(host.names(json!({"driver": ["bridge"]})).await, ["bridge", "mine", "busy"]);
    assert_eq!(host.names(json!({"driver": ["overlay"], "name": ["^over"]})).await, ["overlay"]);
    assert_eq!(host.names(json!({"driver": ["overlay"], "id": [id[..12]]})).await, ["overlay"]);
    assert_eq!(host.names(json!({"driver": ["overlay"], "dangling": ["false"]})).await, ["other"]);
    assert_eq!(host.names(json!({"driver": ["overlay"], "label": ["for=other"]})).await, ["other"]);
    let (overlay, scope) = ("/networks/overlay", json!({}));
    assert_eq!(host.get(&format!("{overlay}?scope=global")).await["Id"], *id);
    assert!(host.refused(404, "GET", &format!("{overlay}?scope=local"), scope).await.contains("not found"));
    assert_eq!(host.get("/networks/mine?scope=local").await["Name"], "mine");
    let local = host.names(json!({"scope": ["local"]})).await;
    assert!(!local.contains(&"overlay".to_owned()), "{local:?}");
}

#[tokio::test]
async fn a_refused_create_changes_nothing() {
    let host = Host::up().await;
    let create = "/networks/create";
    let refused = async |status, body: Value| host.refused(status, "POST", create, body).await;
    let message = refused(409, json!({"Name": "mine", "Driver": "overlay"})).await;
    assert!(message.contains("already exists") && message.contains("bridge"), "{message}");
    let subnet = json!({"Config": [{"Subnet": "10.0.0.7/24"}]});
    let message = refused(400, json!({"Name": "n", "Driver": "overlay", "IPAM": subnet})).await;
    assert!(message.contains("did you mean 10.0.0.0/24?"), "{message}");
    refused(400, json!({"Name": "a/b", "Driver": "weft"})).await;
    refused(403, json!({"Name": "host", "Driver": "overlay"})).await;
    assert_eq!(host.cluster(), [""; 0]);
    host.overlay("overlay").await;
    let message = refused(409, json!({"Name": "overlay", "Driver": "overlay"})).await;
    assert_eq!(message, "network with name overlay already exists");
    let (status, _) = host.raw("POST", create, &" ".repeat((1 << 20) + 1)).await;
    assert_eq!(status, 400);
    assert_eq!(host.engine.told(), [""; 0]);
    // Nothing is made for an engine that is not there.
    std::fs::remove_file(host.stand.engine_path()).unwrap();
    refused(502, json!({"Name": "late", "Driver": "overlay"})).await;
    assert_eq!(host.cluster(), ["overlay"]);
}

#[tokio::test]
async fn a_network_that_the_engine_is_about_to_let_go_of_is_not_in_the_way() {
    let host = Host::up().await;
    host.engine.add(&"7".repeat(64), "overlay", "weft");
    let id = host.overlay("overlay").await;
    assert_ne!(id, "7".repeat(64));
    assert_eq!(host.cluster(), ["overlay"]);
}

#[tokio::test]
async fn an_engine_that_does_not_follow_is_said_to() {
    let mut host = Host::up().await;
    host.follows = None;
    let wanted = json!({"Name": "overlay", "Driver": "overlay"});
    let (status, created) = host.ask("POST", "/networks/create", wanted).await;
    assert_eq!(status, 201);
    assert_eq!(created["Id"], host.verbs.network("overlay").await.unwrap().id.to_string());
    let warning = created["Warning"].as_str().unwrap();
    assert!(warning.contains("does not have it yet: see `weft status`"), "{warning}");
    host.follow();
    soon(async {
        while host.engine.find("overlay").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    host.follows = None;
    let message = host.refused(504, "DELETE", "/networks/overlay", json!({})).await;
    assert!(
        message.contains("network overlay is removed from the cluster, but this host's engine"),
        "{message}"
    );
}

#[tokio::test]
async fn a_network_in_use_anywhere_stays() {
    let host = Host::up().await;
    host.overlay("overlay").await;
    host.verbs.connect("overlay", "box", JoinOptions::default()).await.unwrap();
    let message = host.refused(403, "DELETE", "/networks/overlay", json!({})).await;
    assert!(message.contains("has active endpoints: box on host1"), "{message}");
    assert!(host.engine.find("overlay").is_some());
    host.verbs.detach("overlay", "box").await.unwrap();
    assert_eq!(host.raw("DELETE", "/v1.50/networks/overlay", "").await, (204, String::new()));
    assert_eq!(host.engine.find("overlay"), None, "it is gone when the answer comes");
    assert_eq!(host.engine.told(), [""; 0]);
    assert_eq!(host.cluster(), [""; 0]);
    assert_eq!(host.raw("DELETE", "/networks/mine", "").await.0, 204);
    assert_eq!(host.engine.told(), ["DELETE /networks/mine"]);
    let message = host.refused(404, "DELETE", "/networks/nowhere", json!({})).await;
    assert_eq!(message, "the engine knows no network nowhere");
}

#[tokio::test]
async fn the_clusters_id_is_understood() {
    let mut host = Host::up().await;
    let engines = host.overlay("overlay").await;
    let clusters = host.verbs.network("overlay").await.unwrap().id.to_string();
    for id in [&clusters[..], &clusters[..12]] {
        assert_eq!(host.get(&format!("/networks/{id}?verbose=true")).await["Id"], *engines);
        for verb in ["connect", "disconnect"] {
            let path = format!("/networks/{id}/{verb}");
            assert_eq!(host.ask("POST", &path, json!({"Container": "mine"})).await.0, 200);
            assert_eq!(host.engine.told(), [format!("POST /networks/{engines}/{verb}")]);
        }
    }
    host.refused(404, "GET", &format!("/networks/{}", &clusters[..11]), json!({})).await;
    assert_eq!(host.raw("DELETE", &format!("/networks/{clusters}"), "").await.0, 204);
    // One that this engine never had.
    host.follows = None;
    let elsewhere = json!({"Name": "elsewhere"});
    let elsewhere = weft_network_api::create::parse(serde_json::from_value(elsewhere).unwrap()).unwrap();
    let id = host.verbs.create_network(elsewhere).await.unwrap();
    assert_eq!(host.raw("DELETE", &format!("/networks/{id}"), "").await.0, 204);
    assert_eq!(host.cluster(), [""; 0]);
}

#[tokio::test]
async fn who_the_engine_does_not_know_the_cluster_may() {
    let host = Host::up().await;
    host.overlay("overlay").await;
    host.verbs.connect("overlay", "box", JoinOptions::default()).await.unwrap();
    let path = "/networks/overlay/disconnect";
    let stranger = json!({"Container": "stranger", "Force": true});
    assert_eq!(host.refused(404, "POST", path, stranger).await, "the engine knows no container stranger");
    let elsewhere = host.refused(404, "POST", "/networks/mine/disconnect", json!({"Container": "box"})).await;
    assert_eq!(elsewhere, "the engine knows no container box");
    assert_eq!(host.ask("POST", path, json!({"Container": "box"})).await.0, 200);
    assert_eq!(host.verbs.network("overlay").await.unwrap().endpoints, []);
}

#[tokio::test]
async fn prune_asks_each_side_for_its_own() {
    let host = Host::up().await;
    host.overlay("overlay").await;
    host.overlay("used").await;
    host.verbs.connect("used", "box", JoinOptions::default()).await.unwrap();
    let labelled = "/networks/prune?filters=%7B%22label%22%3A%5B%22for%3Dnobody%22%5D%7D";
    let pruned = host.ask("POST", labelled, json!({})).await.1;
    assert_eq!(pruned, json!({"NetworksDeleted": []}));
    let pruned = host.ask("POST", "/v1.50/networks/prune", json!({})).await.1;
    assert_eq!(pruned, json!({"NetworksDeleted": ["mine", "overlay"]}));
    assert_eq!(host.engine.told(), ["DELETE /v1.50/networks/b3", "DELETE /v1.50/networks/b4"]);
    assert_eq!(host.engine.find("overlay"), None);
    assert!(host.engine.find("used").is_some());
    // Filters that are not valid are left to the engine.
    let (status, _) = host.raw("POST", "/networks/prune?filters=nonsense", "").await;
    assert_eq!(status, 405, "this one has no such route");
}
