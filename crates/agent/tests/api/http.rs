//! One request to a router.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;
use weft_verbs::fake::FakeVerbs;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// The message of an error, after checking its status.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn router(fake: &Arc<FakeVerbs>) -> Router {
    weft_agent::api::router(Arc::clone(fake) as _, Arc::default())
}

pub(crate) async fn ask(fake: &Arc<FakeVerbs>, method: &str, uri: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method).uri(uri).body(body.into()).unwrap();
    let answer = router(fake).oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

pub(crate) async fn get(fake: &Arc<FakeVerbs>, uri: &str) -> Answer {
    ask(fake, "GET", uri, Body::empty()).await
}

pub(crate) async fn post(fake: &Arc<FakeVerbs>, uri: &str, body: &Value) -> Answer {
    ask(fake, "POST", uri, body.to_string()).await
}

pub(crate) async fn delete(fake: &Arc<FakeVerbs>, uri: &str) -> Answer {
    ask(fake, "DELETE", uri, Body::empty()).await
}
