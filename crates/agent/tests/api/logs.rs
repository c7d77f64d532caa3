//! What a process wrote.

use crate::http::{get, post, router};
use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use serde_json::json;
use std::{io::Write, sync::Arc, time::Duration};
use tower::ServiceExt;
use weft_verbs::fake::FakeVerbs;

async fn with_process() -> (Arc<FakeVerbs>, std::fs::File) {
    let fake = FakeVerbs::new();
    post(&fake, "/networks/create", &json!({"Name": "overlay"})).await;
    let body = json!({"network": "overlay", "name": "web", "command": ["nginx"]});
    assert_eq!(post(&fake, "/weft/v1/processes", &body).await.status, 201);
    let mut log = std::fs::File::create(fake.dir.path().join("log")).unwrap();
    log.write_all(b"one\ntwo\nthree\n").unwrap();
    (fake, log)
}

#[tokio::test]
async fn without_follow_it_ends_where_the_file_ends() {
    let (fake, _log) = with_process().await;
    let logs = async |query: &str| get(&fake, &format!("/weft/v1/processes/web/logs{query}")).await.text;
    assert_eq!(logs("").await, "one\ntwo\nthree\n");
    assert_eq!(logs("?tail=1").await, "three\n");
    assert_eq!(get(&fake, "/weft/v1/processes/x/logs").await.error(404), "process x not found");
    assert!(get(&fake, "/weft/v1/processes/web/logs?tail=many").await.error(400).contains("tail"));
}

#[tokio::test]
async fn with_follow_it_goes_on_until_the_process_ends() {
    let (fake, mut log) = with_process().await;
    let request = Request::get("/weft/v1/processes/web/logs?follow=1&tail=1").body(Body::empty()).unwrap();
    let mut body = router(&fake).oneshot(request).await.unwrap().into_body();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap();
        frame.map(|frame| frame.unwrap().into_data().unwrap())
    };
    assert_eq!(next().await.unwrap(), "three\n");
    log.write_all(b"four\n").unwrap();
    assert_eq!(next().await.unwrap(), "four\n");
    // What is written last is not lost.
    log.write_all(b"five\n").unwrap();
    fake.ended.send_replace(true);
    assert_eq!(next().await.unwrap(), "five\n");
    assert_eq!(next().await, None);
}
