//! Anything that is sent gets an answer, and changes nothing.

use super::{
    Engine, create_endpoint, create_network, endpoint_ref, join, network_ref, pool_id, request_address,
    request_pool,
};
use crate::docker::door::{answer, router};
use axum::{body::Body, http::StatusCode};
use futures::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{io, time::Duration};

fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("NetworkDriver.CreateNetwork", create_network(1, "10.0.0.0/24")),
        ("NetworkDriver.DeleteNetwork", network_ref(1)),
        ("NetworkDriver.CreateEndpoint", create_endpoint(1, json!({"Address": "10.0.0.2/24"}))),
        ("NetworkDriver.Join", join(1)),
        ("NetworkDriver.Leave", endpoint_ref(1)),
        ("NetworkDriver.DeleteEndpoint", endpoint_ref(1)),
        ("NetworkDriver.EndpointOperInfo", endpoint_ref(1)),
        ("IpamDriver.RequestPool", request_pool("10.0.0.0/24")),
        ("IpamDriver.ReleasePool", json!({"PoolID": pool_id("10.0.0.0/24")})),
        ("IpamDriver.RequestAddress", request_address("10.0.0.0/24", "10.0.0.2")),
        ("IpamDriver.ReleaseAddress", json!({"PoolID": pool_id("10.0.0.0/24"), "Address": "10.0.0.2"})),
    ]
}

/// What is refused changed nothing.
fn is_untouched(engine: &Engine) -> bool {
    let core = engine.node.core();
    let known = core.known();
    known.reserved_pools.is_empty()
        && known.networks.is_empty()
        && known.claims.is_empty()
        && engine.shared.mapped().is_empty()
}

fn error<'v>(method: &str, answer: &'v Value) -> Option<&'v str> {
    answer.get(if method.starts_with("IpamDriver.") { "Error" } else { "Err" })?.as_str()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_none_is_an_error_at_once() {
    let engine = Engine::new().await;
    for (method, whole) in calls() {
        let text = whole.to_string();
        let half = &text[..text.len() / 2];
        for bad in ["", " ", "{", "[]", "null", "7", "\"x\"", "{}", "\u{0}", half] {
            let (status, answer) = engine.post(method, bad.to_owned()).await;
            assert_eq!(status, StatusCode::OK, "{method} {bad:?}");
            assert!(
                error(method, &answer).is_some() || method.ends_with("RequestPool"),
                "{method} {bad:?}: {answer}"
            );
        }
    }
    engine.ok("IpamDriver.ReleasePool", json!({"PoolID": pool_id("10.0.0.0/24")})).await;
    let empty = engine.post("NetworkDriver.Join", "").await.1;
    assert!(error("NetworkDriver.Join", &empty).unwrap().contains("without a body"));
}

#[tokio::test(start_paused = true)]
async fn methods_that_are_not_known_are_not_found() {
    let engine = Engine::new().await;
    for method in
        ["", "x", "NetworkDriver.", "NetworkDriver.Fly", "IpamDriver.Join", "VolumeDriver.Create", "a/b"]
    {
        let (status, answer) = engine.post(method, "{}").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
        assert!(answer["Err"].as_str().unwrap().contains("does not know"));
    }
    let swarm = json!({"NetworkID": "x", "Options": {}, "IPv4Data": [], "IPv6Data": []});
    assert!(engine.refused("NetworkDriver.AllocateNetwork", swarm).await.contains("Swarm"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_or_too_slow_is_an_error() {
    let engine = Engine::new().await;
    for (method, _) in calls() {
        let (status, answer) = engine.post(method, vec![b' '; (1 << 20) + 1]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(error(method, &answer).unwrap().contains("at most 1048576 bytes"), "{answer}");
        let never = futures::stream::iter([Ok::<_, io::Error>("{")]).chain(futures::stream::pending());
        let (_, answer) = engine.post(method, Body::from_stream(never)).await;
        assert!(error(method, &answer).unwrap().contains("did not come within 3s"), "{answer}");
        let broken = futures::stream::iter([Ok("{"), Err(io::Error::other("cut"))]);
        let (_, answer) = engine.post(method, Body::from_stream(broken)).await;
        assert!(error(method, &answer).unwrap().contains("cut"), "{answer}");
    }
    assert!(is_untouched(&engine));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_or_hangs_is_answered() {
    let engine = Engine::new().await;
    let within = Duration::from_secs(3);
    let panics = async { panic!("as asked") };
    let (status, answer) = engine.driver().settle("NetworkDriver.Join", within, panics).await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer.unwrap_err().message().contains("please report"));
    let (_, answer) = engine.driver().settle("NetworkDriver.Join", within, std::future::pending()).await;
    assert!(answer.unwrap_err().message().contains("not done after 3s"));
    assert!(answer::LONGEST > within);
}

/// JSON of the shapes that calls have, with anything in the wrong place.
fn json_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        "(weft|(weft/)?10\\.0\\.0\\.[0-9]{1,3}(/[0-9]{1,2})?|[a-f0-9]{64}|[a-f0-9:]{0,20}|\\PC{0,10})"
            .prop_map(|s| json!(s)),
    ];
    let key = prop::sample::select(vec![
        "NetworkID",
        "EndpointID",
        "Options",
        "com.docker.network.generic",
        "com.docker.network.internal",
        "IPv4Data",
        "IPv6Data",
        "AddressSpace",
        "Pool",
        "SubPool",
        "PoolID",
        "Gateway",
        "AuxAddresses",
        "Interface",
        "Address",
        "AddressIPv6",
        "MacAddress",
        "SandboxKey",
        "RequestAddressType",
        "V6",
        "mtu",
        "vni",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| json!(map)),
        ]
    })
}

/// A call as engines make it, with one field replaced.
fn almost_right() -> impl Strategy<Value = (&'static str, Value)> {
    let call = prop::sample::select(calls());
    (call, any::<prop::sample::Index>(), json_like()).prop_map(|((method, mut body), at, value)| {
        let fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        body[at.get(&fields)] = value;
        (method, body)
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_body_is_too_strange(bodies in prop::collection::vec(almost_right(), 1..8), other in json_like()) {
        runtime().block_on(async {
            let engine = Engine::new().await;
            let router = router(engine.driver());
            let strange = calls().into_iter().map(|(method, _)| (method, other.clone()));
            for (method, body) in bodies.into_iter().chain(strange) {
                let (status, answer) = super::post(&router, method, body.to_string()).await;
                prop_assert_eq!(status, StatusCode::OK);
                prop_assert!(!error(method, &answer).is_some_and(|why| why.contains("please report")), "{}", answer);
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_are_too_strange(method in "[A-Za-z.%/]{0,20}", body in prop::collection::vec(any::<u8>(), 0..200)) {
        runtime().block_on(async {
            let engine = Engine::new().await;
            let known = calls().into_iter().map(|(method, _)| method.to_owned());
            for method in known.chain([method.replace('%', "")]) {
                let (status, _) = engine.post(&method, body.clone()).await;
                prop_assert!(status == StatusCode::OK || status == StatusCode::NOT_FOUND);
            }
            prop_assert!(is_untouched(&engine));
            Ok(())
        })?;
    }
}
