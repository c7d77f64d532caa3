//! An engine that has networks and nothing else.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

/// An engine's networks, by id, and the requests it was sent.
#[derive(Default)]
pub(super) struct Engine {
    pub(super) networks: Mutex<BTreeMap<String, Value>>,
    asked: Mutex<Vec<String>>,
}

impl Engine {
    pub(super) fn add(&self, id: &str, name: &str, driver: &str) {
        // What engines say of their own networks is not for us to read.
        let network = json!({
            "Name": name, "Id": id, "Created": "2026-11-22T16:21:50.824564917+01:00", "Scope": "local",
            "Driver": driver, "EnableIPv6": false, "IPAM": {"Driver": driver, "Options": null, "Config": null},
            "Containers": {}, "Options": {}, "Labels": {"made": driver}, "Future": [1, {"z": 0, "a": 1}],
        });
        self.networks.lock().unwrap().insert(id.to_owned(), network);
    }

    pub(super) fn find(&self, name: &str) -> Option<Value> {
        let networks = self.networks.lock().unwrap();
        let by_name = networks.values().find(|network| network["Name"] == name);
        by_name.or_else(|| networks.values().find(|n| n["Id"].as_str().unwrap().starts_with(name))).cloned()
    }

    /// What it was sent since the last time, but for questions.
    pub(super) fn told(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.into_iter().filter(|line| !line.starts_with("GET ")).collect()
    }

    pub(super) fn router(self: Arc<Self>) -> Router {
        let routes = Router::new()
            .route("/networks", get(list))
            .route("/networks/create", post(create))
            .route("/networks/{network}", get(inspect).delete(remove))
            .route("/networks/{network}/connect", post(connect))
            .route("/networks/{network}/disconnect", post(connect));
        let note = middleware::from_fn_with_state(Arc::clone(&self), note);
        Router::new().nest("/v1.50", routes.clone()).merge(routes).layer(note).with_state(self)
    }
}

type Asked = State<Arc<Engine>>;

async fn note(State(engine): Asked, request: Request, next: Next) -> Response {
    engine.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
    next.run(request).await
}

async fn list(State(engine): Asked, Query(query): Query<HashMap<String, String>>) -> Json<Vec<Value>> {
    let filters: Value = serde_json::from_str(query.get("filters").map_or("{}", String::as_str)).unwrap();
    let drivers = filters["driver"].as_array().cloned();
    let is_wanted = |network: &&Value| drivers.as_ref().is_none_or(|all| all.contains(&network["Driver"]));
    Json(engine.networks.lock().unwrap().values().filter(is_wanted).cloned().collect())
}

async fn create(State(engine): Asked, body: Bytes) -> Response {
    engine.asked.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    (StatusCode::CREATED, Json(json!({"Id": "made by the engine"}))).into_response()
}

async fn inspect(State(engine): Asked, Path(network): Path<String>) -> Response {
    match engine.find(&network) {
        Some(found) => Json(found).into_response(),
        None => unknown("network", &network),
    }
}

async fn remove(State(engine): Asked, Path(network): Path<String>) -> Response {
    match engine.find(&network) {
        Some(found) if found["Name"] == "busy" => StatusCode::FORBIDDEN.into_response(),
        Some(found) => {
            engine.networks.lock().unwrap().remove(found["Id"].as_str().unwrap());
            StatusCode::NO_CONTENT.into_response()
        }
        None => unknown("network", &network),
    }
}

async fn connect(State(engine): Asked, Path(network): Path<String>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    match (engine.find(&network), body["Container"].as_str()) {
        (Some(_), Some("mine")) => StatusCode::OK.into_response(),
        (Some(_), name) => unknown("container", name.unwrap_or_default()),
        (None, _) => unknown("network", &network),
    }
}

fn unknown(what: &str, name: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"message": format!("the engine knows no {what} {name}")})))
        .into_response()
}

/// Two networks that engines always have, and two of somebody's.
pub(super) fn usual(engine: &Engine) {
    engine.add("b1", "bridge", "bridge");
    engine.add("b2", "host", "host");
    engine.add("b3", "mine", "bridge");
    engine.add("b4", "busy", "bridge");
}
