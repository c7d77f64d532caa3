//! Anything that is sent gets an answer in JSON.

use crate::http::{ask, get, post};
use axum::body::Body;
use proptest::prelude::*;
use serde_json::json;
use weft_verbs::fake::{FakeVerbs, HANG, PANIC};

const BODIES_GO_TO: [&str; 5] = [
    "/networks/create",
    "/networks/overlay/connect",
    "/networks/overlay/disconnect",
    "/weft/v1/endpoints",
    "/weft/v1/processes",
];

#[tokio::test]
async fn a_body_that_is_not_json() {
    let fake = FakeVerbs::new();
    for path in BODIES_GO_TO {
        for bad in ["", " ", "{", "[]", "null", "\"x\"", "{\"Name\":7}", "{\"network\":{}}", "\u{0}"] {
            let answer = ask(&fake, "POST", path, bad).await;
            assert_eq!(answer.status, 400, "{path} {bad:?}: {}", answer.text);
            assert!(!answer.json()["message"].as_str().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let fake = FakeVerbs::new();
    for path in BODIES_GO_TO {
        let answer = ask(&fake, "POST", path, vec![b' '; (1 << 20) + 1]).await;
        assert!(answer.error(413).contains("larger than 1048576 bytes"));
    }
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    // As with the engine: many of its clients send none.
    let answer = ask(&FakeVerbs::new(), "POST", "/networks/create", r#"{"Name":"n"}"#).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let fake = FakeVerbs::new();
    let message = post(&fake, "/networks/create", &json!({"Name": PANIC})).await.error(500);
    assert!(message.contains("please report"), "{message}");
    assert_eq!(get(&fake, "/networks").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_answered() {
    let fake = FakeVerbs::new();
    let message = post(&fake, "/networks/create", &json!({"Name": HANG})).await.error(504);
    assert!(message.contains("not done after 30 s"), "{message}");
}

#[tokio::test]
async fn a_path_that_is_not_text() {
    let fake = FakeVerbs::new();
    get(&fake, "/networks/%FF%FE").await.error(400);
    get(&fake, "/networks?filters=%FF").await.error(400);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// JSON of the shapes that requests have, with anything in the wrong place.
fn json_like() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        "(10\\.0\\.0\\.[0-9]{1,3}(/[0-9]{1,2})?|[a-f0-9:]{0,20}|overlay|\\PC{0,10})".prop_map(|s| json!(s)),
    ];
    let key = prop_oneof![
        Just("Name"),
        Just("Driver"),
        Just("IPAM"),
        Just("Config"),
        Just("Subnet"),
        Just("Gateway"),
        Just("IPRange"),
        Just("AuxiliaryAddresses"),
        Just("Options"),
        Just("Labels"),
        Just("EnableIPv6"),
        Just("Container"),
        Just("EndpointConfig"),
        Just("IPAMConfig"),
        Just("IPv4Address"),
        Just("Aliases"),
        Just("network"),
        Just("name"),
        Just("netns"),
        Just("command"),
        Just("ports"),
        Just("env"),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_body_panics(body in json_like()) {
        runtime().block_on(async {
            let fake = FakeVerbs::new();
            for path in BODIES_GO_TO {
                let answer = post(&fake, path, &body).await;
                prop_assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text);
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        runtime().block_on(async {
            let fake = FakeVerbs::new();
            for path in BODIES_GO_TO {
                let answer = ask(&fake, "POST", path, Body::from(body.clone())).await;
                prop_assert_eq!(answer.status.as_u16(), 400);
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_path_panics(
        path in "/(v[0-9.]{0,6}/)?(networks|weft/v1/(nodes|endpoints|processes))?/?[a-z0-9%/._-]{0,20}",
        query in "[a-z0-9%=&{}\\[\\]:\"]{0,20}",
    ) {
        let query: String = query.chars().filter(|c| !"{}[]\"".contains(*c)).collect();
        runtime().block_on(async {
            let answer = get(&FakeVerbs::new(), &format!("{path}?{query}")).await;
            prop_assert!(answer.status.as_u16() < 500 || answer.status == 501, "{}", answer.text);
            Ok(())
        })?;
    }
}
