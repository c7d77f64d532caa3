//! weft's own paths.

use crate::http::{delete, get, post};
use serde_json::json;
use std::sync::Arc;
use weft_verbs::fake::FakeVerbs;

async fn with_network() -> Arc<FakeVerbs> {
    let fake = FakeVerbs::new();
    assert_eq!(post(&fake, "/networks/create", &json!({"Name": "overlay"})).await.status, 201);
    fake
}

#[tokio::test]
async fn nodes() {
    let fake = FakeVerbs::new();
    let nodes = get(&fake, "/weft/v1/nodes").await.json();
    assert_eq!((&nodes[0]["name"], &nodes[0]["this"]), (&json!("host1"), &json!(true)));
    assert_eq!(get(&fake, "/weft/v1/nodes/host1").await.json()["vtep"], "192.0.2.1");
    assert_eq!(get(&fake, "/weft/v1/nodes/host9").await.error(404), "node host9 not found");
    assert_eq!(delete(&fake, "/weft/v1/nodes/host1").await.error(409), "node host1 is up");
    assert!(delete(&fake, "/weft/v1/nodes/-x").await.error(400).contains("invalid node name"));
}

#[tokio::test]
async fn a_namespace_is_attached_and_detached() {
    let fake = with_network().await;
    let body = json!({"network": "overlay", "name": "lab", "netns": "/run/netns/lab", "ipv4": "10.0.0.9"});
    let attached = post(&fake, "/weft/v1/endpoints", &body).await;
    assert_eq!(attached.status, 201, "{}", attached.text);
    assert_eq!(attached.json()["ipv4"], "10.0.0.9");
    let list = async |query: &str| get(&fake, &format!("/weft/v1/endpoints{query}")).await.json();
    assert_eq!(list("").await[0]["name"], "lab");
    assert_eq!(list("?network=overlay&node=host1").await.as_array().unwrap().len(), 1);
    assert_eq!(list("?node=host2").await, json!([]));
    assert_eq!(get(&fake, "/weft/v1/endpoints?network=x").await.error(404), "network x not found");
    assert_eq!(delete(&fake, "/weft/v1/endpoints/overlay/lab").await.status, 204);
    assert_eq!(delete(&fake, "/weft/v1/endpoints/overlay/lab").await.error(404), "endpoint lab not found");
}

#[tokio::test]
async fn a_request_that_makes_no_sense_says_which_part() {
    let fake = with_network().await;
    let refused = async |path: &str, body| post(&fake, path, &body).await.error(400);
    let endpoints = "/weft/v1/endpoints";
    let relative = json!({"network": "overlay", "name": "lab", "netns": "lab"});
    assert!(refused(endpoints, relative).await.contains("not an absolute path"));
    let bad_name = json!({"network": "overlay", "name": "a b", "netns": "/x"});
    assert!(refused(endpoints, bad_name).await.contains("invalid endpoint name"));
    let bad_mac = json!({"network": "overlay", "name": "a", "netns": "/x", "mac": "ff:ff:ff:ff:ff:ff"});
    assert!(refused(endpoints, bad_mac).await.contains("unicast"));
    let processes = "/weft/v1/processes";
    assert!(refused(processes, json!({"network": "overlay", "command": []})).await.contains("no command"));
    let nul = json!({"network": "overlay", "command": ["a\u{0}b"]});
    assert!(refused(processes, nul).await.contains("NUL"));
    let env = json!({"network": "overlay", "command": ["a"], "env": {"A=B": "c"}});
    assert!(refused(processes, env).await.contains("environment"));
    let port = json!({"network": "overlay", "command": ["a"], "ports": [{"host_port": 0, "port": 80}]});
    assert!(refused(processes, port).await.contains("port 0"));
    let port = json!({"network": "overlay", "command": ["a"], "ports": [{"host_port": 70000, "port": 80}]});
    assert!(refused(processes, port).await.contains("70000"));
    let mount = json!({"network": "overlay", "command": ["a"], "mounts": [{"source": "x", "target": "/y"}]});
    assert!(refused(processes, mount).await.contains("mount source"));
}

#[tokio::test]
async fn a_process_runs_and_ends() {
    let fake = with_network().await;
    let body = json!({
        "network": "overlay", "name": "web", "command": ["nginx"],
        "ports": [{"host_port": 8080, "port": 80, "protocol": "udp"}]
    });
    let started = post(&fake, "/weft/v1/processes", &body).await;
    assert_eq!(started.status, 201, "{}", started.text);
    assert_eq!(started.json()["state"], json!({"state": "running", "pid": 4711}));
    assert_eq!(started.json()["ports"][0]["protocol"], "udp");
    assert_eq!(started.json()["networks"], json!({"overlay": ["10.0.0.2"]}));
    assert_eq!(get(&fake, "/weft/v1/processes").await.json()[0]["name"], "web");
    assert!(delete(&fake, "/weft/v1/processes/web").await.error(409).contains("runs"));
    let wait = tokio::spawn({
        let fake = Arc::clone(&fake);
        async move { get(&fake, "/weft/v1/processes/web/wait").await.json() }
    });
    assert_eq!(post(&fake, "/weft/v1/processes/web/stop?t=1", &json!({})).await.status, 204);
    assert_eq!(wait.await.unwrap(), json!({"code": 3}));
    assert_eq!(delete(&fake, "/weft/v1/processes/web?force=true").await.status, 204);
    assert_eq!(get(&fake, "/weft/v1/processes/gone/wait").await.error(404), "process gone not found");
}

#[tokio::test]
async fn status_and_plan() {
    let fake = with_network().await;
    let status = get(&fake, "/weft/v1/status").await.json();
    assert_eq!(status["store"]["url"], "embedded");
    assert_eq!((&status["counts"]["networks"], &status["counts"]["nodes up"]), (&json!(1), &json!(0)));
    assert_eq!(get(&fake, "/weft/v1/plan").await.json(), json!({"steps": ["add bridge br0 in weft-256"]}));
}
