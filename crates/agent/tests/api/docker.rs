//! Docker's paths answer as the engine does.

use crate::http::{Answer, ask, delete, get, post};
use axum::body::Body;
use serde_json::{Value, json};
use std::sync::Arc;
use weft_verbs::fake::FakeVerbs;

async fn create(fake: &Arc<FakeVerbs>, body: Value) -> Answer {
    post(fake, "/v1.50/networks/create", &body).await
}

async fn names(fake: &Arc<FakeVerbs>, filters: Value) -> Vec<String> {
    let filters: String = filters.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let list = get(fake, &format!("/networks?filters={filters}")).await.json();
    list.as_array().unwrap().iter().map(|n| n["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn ping_tells_what_the_client_needs() {
    for method in ["GET", "HEAD"] {
        let answer = ask(&FakeVerbs::new(), method, "/_ping", Body::empty()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["api-version"], "1.50");
        assert_eq!(answer.headers["ostype"], "linux");
        assert_eq!(answer.text, if method == "GET" { "OK" } else { "" });
    }
}

#[tokio::test]
async fn version_and_info() {
    let fake = FakeVerbs::new();
    let version = get(&fake, "/v1.41/version").await.json();
    assert_eq!((&version["ApiVersion"], &version["Os"]), (&json!("1.50"), &json!("linux")));
    let info = get(&fake, "/info").await.json();
    assert_eq!((&info["Name"], &info["ClusterStore"]), (&json!("host1"), &json!("embedded")));
    assert!(info["MemTotal"].as_u64().unwrap() > 0);
    assert!(get(&fake, "/v1.9/version").await.error(400).contains("too old"));
    assert!(get(&fake, "/v1.51/version").await.error(400).contains("too new"));
}

#[tokio::test]
async fn a_network_is_created_listed_inspected_and_removed() {
    let fake = FakeVerbs::new();
    let created = create(&fake, json!({"Name": "overlay", "Driver": "overlay", "Labels": {"a": "b"}})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json()["Id"].as_str().unwrap().to_owned();
    for name in ["overlay", &id, &id[..12]] {
        let network = get(&fake, &format!("/v1.50/networks/{name}?verbose=true")).await.json();
        assert_eq!(network["Id"], *id);
        assert_eq!((&network["Driver"], &network["Scope"]), (&json!("weft"), &json!("global")));
        assert_eq!(network["IPAM"]["Config"], json!([{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]));
        let vnis = json!({"com.docker.network.driver.overlay.vxlanid_list": "256"});
        assert_eq!(network["Options"], vnis);
    }
    let again = create(&fake, json!({"Name": "overlay"})).await;
    assert_eq!(again.error(409), "network with name overlay already exists");
    let removed = delete(&fake, "/networks/overlay").await;
    assert_eq!((removed.status.as_u16(), removed.text.as_str()), (204, ""));
    assert_eq!(delete(&fake, "/networks/overlay").await.error(404), "network overlay not found");
    assert_eq!(get(&fake, "/networks").await.json(), json!([]));
}

#[tokio::test]
async fn options_that_are_unknown_are_refused() {
    let fake = FakeVerbs::new();
    let warning = async |options: Value| {
        let answer = create(&fake, json!({"Name": "overlay", "Options": options})).await.json();
        delete(&fake, "/networks/overlay").await;
        answer["Warning"].as_str().unwrap().to_owned()
    };
    assert_eq!(warning(json!({"mtu": "1400", "vni": "300"})).await, "");
    assert_eq!(warning(json!({"encrypted": "false", "keep": "false"})).await, "");
    assert_eq!(warning(json!({"encrypted": ""})).await, "");
    let body = json!({"Name": "overlay", "Options": {"mut": "1400"}});
    assert!(
        create(&fake, body)
            .await
            .error(400)
            .contains("have no option \"mut\": leave it out, or give one of mtu")
    );
    assert_eq!(get(&fake, "/networks").await.json(), json!([]));
}

#[tokio::test]
async fn everybody_on_a_network_is_shown() {
    let fake = FakeVerbs::new();
    create(&fake, json!({"Name": "overlay"})).await;
    let body = json!({"Container": "nginx_01", "EndpointConfig": {"Aliases": ["web"]}});
    assert_eq!(post(&fake, "/networks/overlay/connect", &body).await.status, 200);
    let network = get(&fake, "/networks/overlay").await.json();
    let (key, container) = network["Containers"].as_object().unwrap().iter().next().unwrap();
    assert!(key.starts_with("ep-"));
    assert_eq!(container["Name"], "nginx_01");
    assert_eq!(container["IPv4Address"], "10.0.0.2/24");
    assert_eq!(container["MacAddress"], "02:42:0a:00:00:02");
    assert_eq!(network["Peers"], json!([{"Name": "host1", "IP": "192.0.2.1"}]));
    assert!(delete(&fake, "/networks/overlay").await.error(403).contains("has active endpoints"));
    assert_eq!(names(&fake, json!({"dangling": ["true"]})).await, [""; 0]);
    let body = json!({"Container": "nginx_01", "Force": false});
    assert_eq!(post(&fake, "/networks/overlay/disconnect", &body).await.status, 200);
    assert_eq!(names(&fake, json!({"dangling": ["true"]})).await, ["overlay"]);
}

#[tokio::test]
async fn what_is_not_wefts_is_refused() {
    let fake = FakeVerbs::new();
    let refused = async |body: Value| create(&fake, body).await.error(400);
    assert!(refused(json!({"Name": "n", "Driver": "bridge"})).await.contains("-d overlay"));
    assert!(refused(json!({"Name": "n", "IPAM": {"Driver": "dhcp"}})).await.contains("--ipam-driver"));
    assert!(refused(json!({"Name": "n", "Scope": "local"})).await.contains("whole cluster"));
    assert!(refused(json!({"Name": "n", "Ingress": true})).await.contains("Swarm"));
    assert!(refused(json!({"Name": "n", "ConfigOnly": true})).await.contains("config-only"));
    assert!(refused(json!({"Name": "a/b"})).await.contains("invalid network name"));
    assert!(refused(json!({})).await.contains("it is empty"));
    let subnet = |config: Value| json!({"Name": "n", "IPAM": {"Config": [config]}});
    assert!(refused(subnet(json!({"Subnet": "10.0.0.0/33"}))).await.contains("invalid subnet"));
    assert!(refused(subnet(json!({"Subnet": "10.0.0.7/24"}))).await.contains("did you mean 10.0.0.0/24?"));
    assert!(refused(subnet(json!({"Subnet": "10.0.0.0/24", "Gateway": "x"}))).await.contains("gateway"));
    assert!(
        refused(subnet(json!({"Subnet": "10.0.0.0/24", "Gateway": "10.1.0.1"}))).await.contains("not in")
    );
    let aux = json!({"Subnet": "10.0.0.0/24", "AuxiliaryAddresses": {"router": "nowhere"}});
    assert!(refused(subnet(aux)).await.contains("aux-address"));
    let off = json!({"Name": "n", "EnableIPv6": false, "IPAM": {"Config": [{"Subnet": "fd00::/64"}]}});
    assert!(refused(off).await.contains("IPv6 is turned off"));
    let clash = json!({"Name": "n", "EnableIPv4": false, "IPAM": {"Config": [{"Subnet": "10.5.0.0/24"}]}});
    assert!(refused(clash).await.contains("IPv4 is turned off"));
    let forbidden = create(&fake, json!({"Name": "host"})).await.error(403);
    assert_eq!(forbidden, "operation is not permitted on predefined host network");
    assert_eq!(get(&fake, "/networks").await.json(), json!([]), "a refused request changes nothing");
}

#[tokio::test]
async fn lists_can_be_filtered() {
    let fake = FakeVerbs::new();
    create(&fake, json!({"Name": "web", "Labels": {"team": "blue"}})).await;
    create(&fake, json!({"Name": "webshop", "Labels": {"team": "red", "tier": "1"}})).await;
    assert_eq!(names(&fake, json!({"name": ["web"]})).await, ["web", "webshop"]);
    assert_eq!(names(&fake, json!({"name": {"^web$": true}})).await, ["web"]);
    assert_eq!(names(&fake, json!({"name": ["shop", "^w.b$"]})).await, ["web", "webshop"]);
    assert_eq!(names(&fake, json!({"label": ["team=red", "tier"]})).await, ["webshop"]);
    assert_eq!(names(&fake, json!({"label": ["team=blue", "tier"]})).await, [""; 0]);
    assert_eq!(names(&fake, json!({"driver": ["weft"], "scope": ["global"]})).await.len(), 2);
    assert_eq!(names(&fake, json!({"driver": ["bridge"]})).await, [""; 0]);
    assert_eq!(names(&fake, json!({"type": ["custom"]})).await.len(), 2);
    assert_eq!(names(&fake, json!({"type": ["builtin"]})).await, [""; 0]);
    let bad = get(&fake, "/networks?filters=%7B%22colour%22%3A%5B%22x%22%5D%7D").await;
    assert_eq!(bad.error(400), "invalid filter \"colour\"");
    assert!(get(&fake, "/networks?filters=nonsense").await.error(400).contains("invalid filters"));
}

#[tokio::test]
async fn prune_removes_what_matches() {
    let fake = FakeVerbs::new();
    create(&fake, json!({"Name": "a", "Labels": {"keep": ""}})).await;
    create(&fake, json!({"Name": "b"})).await;
    let long_ago = "/networks/prune?filters=%7B%22until%22%3A%5B%22240h%22%5D%7D";
    assert_eq!(post(&fake, long_ago, &json!({})).await.json()["NetworksDeleted"], json!([]));
    let unlabelled = "/networks/prune?filters=%7B%22label!%22%3A%5B%22keep%22%5D%7D";
    assert_eq!(post(&fake, unlabelled, &json!({})).await.json()["NetworksDeleted"], json!(["b"]));
    assert_eq!(names(&fake, json!({})).await, ["a"]);
}

#[tokio::test]
async fn the_rest_is_the_engines() {
    let fake = FakeVerbs::new();
    let message = get(&fake, "/v1.50/containers/json").await.error(501);
    assert_eq!(message, "weft serves networks only; ask the container engine for containers");
    assert!(get(&fake, "/nowhere").await.error(404).contains("page not found"));
    assert!(delete(&fake, "/networks").await.error(405).contains("DELETE"));
}
