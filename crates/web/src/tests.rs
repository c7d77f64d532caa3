//! Pages that look at an agent which is not there, under virtual time.

use crate::{Feed, Picture, Source, router, watch};
use axum::{
    body::{Body, BodyDataStream},
    http::Request,
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::broadcast,
    time::{Instant, sleep, timeout},
};
use tower::ServiceExt;
use weft_model::{Event, EventAction, EventKind, Timestamp};

/// An agent: how many containers it has, and whether it answers.
struct Fake {
    containers: AtomicUsize,
    answers: Mutex<Result<(), String>>,
    events: broadcast::Sender<Event>,
    looks: AtomicUsize,
}

impl Fake {
    fn happens(&self, containers: usize) {
        self.containers.store(containers, Ordering::Relaxed);
        let event = Event::new(Timestamp::UNIX_EPOCH, EventKind::Endpoint, EventAction::Attached, "web");
        let _ = self.events.send(event);
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Source for Fake {
    async fn look(&self) -> Result<Picture, String> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.answers.lock().unwrap().clone()?;
        let endpoint = |number: usize| {
            json!({"id": format!("{number:064x}"), "name": format!("web-{number}"), "network": format!("{:064x}", 1),
                   "network_name": "overlay", "mac": "02:42:0a:00:00:02", "node": "host1",
                   "created": "2026-11-30T10:00:00Z"})
        };
        let endpoints: Vec<Value> = (0..self.containers.load(Ordering::Relaxed)).map(endpoint).collect();
        let status = json!({"node": "host1", "id": format!("{:064x}", 1), "version": "0.2.0", "started": "2026-11-30T10:00:00Z",
                            "advertise": "10.0.0.1", "vtep": "10.0.0.1", "vxlan_port": 4789, "data_dir": "/d", "counts": {},
                            "store": {"url": "embedded", "since": "2026-11-30T10:00:00Z"}, "problems": []});
        Ok(Picture {
            status: serde_json::from_value(status).unwrap(),
            nodes: Vec::new(),
            networks: Vec::new(),
            endpoints: serde_json::from_value(endpoints.into()).unwrap(),
            room: Vec::new(),
            rates: Vec::new(),
        })
    }

    async fn remembered(&self) -> Result<Vec<Event>, String> {
        Err("nothing is kept".to_owned())
    }

    async fn follow(&self, mut each: impl FnMut(Event) + Send) -> Result<(), String> {
        let mut events = self.events.subscribe();
        while let Ok(event) = events.recv().await {
            each(event);
        }
        Ok(())
    }
}

/// An agent, and how pages are answered.
fn looked_at() -> (Arc<Fake>, axum::Router) {
    let fake = Arc::new(Fake {
        containers: AtomicUsize::new(1),
        answers: Mutex::new(Ok(())),
        events: broadcast::Sender::new(64),
        looks: AtomicUsize::new(0),
    });
    let feed = Arc::new(Feed::default());
    tokio::spawn(watch(Arc::clone(&fake), Arc::clone(&feed)));
    (Arc::clone(&fake), router(fake, feed))
}

async fn ask(router: &axum::Router, path: &str) -> (u16, BodyDataStream) {
    let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    (answer.status().as_u16(), answer.into_body().into_data_stream())
}

/// What is told next: its kind, and what is said.
async fn next(stream: &mut BodyDataStream) -> (String, Value) {
    let told = async {
        loop {
            let bytes = stream.next().await.unwrap().unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            // Now and then it says only that it is still there.
            if let Some((kind, data)) =
                text.strip_prefix("event: ").and_then(|text| text.split_once("\ndata: "))
            {
                return (kind.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    };
    timeout(Duration::from_secs(60), told).await.unwrap()
}

/// The next change.
async fn change(stream: &mut BodyDataStream) -> Value {
    loop {
        let (kind, said) = next(stream).await;
        if kind == "change" {
            return said;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_agent_is_asked_while_somebody_looks_and_not_too_often() {
    let (fake, router) = looked_at();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.looks(), 0, "nobody looks");
    let (_, mut stream) = ask(&router, "/api/stream").await;
    let (kind, whole) = next(&mut stream).await;
    assert_eq!((kind.as_str(), whole["endpoints"].as_array().unwrap().len()), ("state", 1));
    sleep(Duration::from_secs(30)).await;
    assert!((8..=11).contains(&fake.looks()), "every three seconds: {}", fake.looks());
    let before = fake.looks();
    for number in 2..52 {
        fake.happens(number);
        sleep(Duration::from_millis(20)).await;
    }
    assert!((4..=7).contains(&(fake.looks() - before)), "five times a second: {}", fake.looks() - before);
    drop(stream);
    sleep(Duration::from_secs(10)).await;
    let before = fake.looks();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.looks(), before, "nobody looks any more");
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_told_soon_and_as_what_changed() {
    let (fake, router) = looked_at();
    let (_, mut stream) = ask(&router, "/api/stream").await;
    next(&mut stream).await;
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    fake.happens(2);
    assert_eq!(next(&mut stream).await.0, "event");
    let told = change(&mut stream).await;
    assert!(began.elapsed() <= Duration::from_millis(300), "{:?}", began.elapsed());
    let endpoints = &told["endpoints"];
    assert_eq!(
        (&endpoints["set"][0]["name"], endpoints["set"].as_array().unwrap().len()),
        (&json!("web-1"), 1)
    );
    assert_eq!(endpoints["gone"], json!([]));
    assert_eq!(told["status"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_away_leaves_the_last_picture() {
    let (fake, router) = looked_at();
    let (_, mut stream) = ask(&router, "/api/stream").await;
    next(&mut stream).await;
    *fake.answers.lock().unwrap() = Err("is it running?".to_owned());
    let away = change(&mut stream).await;
    assert_eq!(away["away"]["why"], "is it running?");
    // Said once, with the time when it began.
    sleep(Duration::from_secs(30)).await;
    let (_, mut state) = ask(&router, "/api/state").await;
    let state: Value = serde_json::from_slice(&state.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(state["away"], away["away"]);
    assert_eq!(state["endpoints"].as_array().unwrap().len(), 1);
    *fake.answers.lock().unwrap() = Ok(());
    assert_eq!(change(&mut stream).await["away"], Value::Null);
    assert_eq!(ask(&router, "/api/events").await.0, 502);
}

#[tokio::test(start_paused = true)]
async fn who_reads_too_slowly_gets_the_whole_anew() {
    let (fake, router) = looked_at();
    let (_, mut stream) = ask(&router, "/api/stream").await;
    next(&mut stream).await;
    for number in 2..100 {
        fake.happens(number);
        sleep(Duration::from_millis(250)).await;
    }
    let mut last = next(&mut stream).await;
    assert_eq!(last.0, "state", "it missed some");
    while last.1["endpoints"].as_array().is_none_or(|all| all.len() < 99) {
        last = next(&mut stream).await;
    }
}
