//! Whatever is asked of the agent's socket, one request after the other: an answer in JSON that blames the client
//! at worst. Behind the door is a cluster that is a list in memory.
#![no_main]

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use libfuzzer_sys::fuzz_target;
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Builder, time::timeout};
use tower::ServiceExt;
use weft_verbs::fake::{FakeVerbs, HANG, PANIC};

/// The first line is method and path, the rest is the body.
fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (method, uri) = str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    // What is waited for here never happens.
    if uri.contains("wait") || uri.contains("follow") {
        return None;
    }
    let body = bytes.get(end + 1..).unwrap_or_default().to_vec();
    Request::builder().method(method).uri(uri).body(Body::from(body)).ok()
}

async fn check(answer: Response) {
    let status = answer.status();
    let is_json = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let body = to_bytes(answer.into_body(), 1 << 24).await.expect("an answer that ends");
    let text = String::from_utf8_lossy(&body);
    assert!(!status.is_server_error() || status == StatusCode::NOT_IMPLEMENTED, "{status}: {text}");
    // There is none for HEAD.
    assert!(
        !is_json || body.is_empty() || serde_json::from_slice::<serde_json::Value>(&body).is_ok(),
        "{text}"
    );
    assert!(is_json || !status.is_client_error(), "{status}: {text}");
}

fuzz_target!(|input: &[u8]| {
    let said = String::from_utf8_lossy(input);
    // The fake does as these say.
    if said.contains(PANIC) || said.contains(HANG) || said.contains('\\') {
        return;
    }
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let router = weft_agent::api::router(FakeVerbs::new() as Arc<_>, Arc::default());
        for request in input.split(|byte| *byte == 0).take(8).filter_map(request) {
            let answer = timeout(Duration::from_secs(5), router.clone().oneshot(request)).await;
            check(answer.expect("it is answered in time").expect("there is always an answer")).await;
        }
    });
});
