//! What is exposed is what the format says, and grows with what happens.

use super::*;
use crate::simulation::{cluster, eventually, network};
use rand::{SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, time::Duration};
use weft_state::env::Env;
use weft_store::{Condition, MemoryStore, Store, Txn, Update};

/// Samples by name and labels, read by the rules of OpenMetrics 1.0 and by nothing of the library's.
type Samples = BTreeMap<String, f64>;

fn read(text: &str) -> Samples {
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    let (mut samples, mut types, mut last) = (Samples::new(), BTreeMap::new(), String::new());
    for line in body.lines() {
        if let Some(metadata) = line.strip_prefix("# ") {
            let (what, rest) = metadata.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            match what {
                "TYPE" => assert!(types.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice"),
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{name} is in {value}"),
                "HELP" => assert!(value.len() > 5, "{name}: {value}"),
                other => panic!("{other}"),
            }
            last = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.starts_with(&last), "{name} is within {last}");
        let ending = name.strip_prefix(&last).unwrap();
        match types[&last].as_str() {
            "counter" => assert_eq!(ending, "_total", "{name}"),
            "gauge" => assert_eq!(ending, "", "{name}"),
            "info" => assert_eq!(ending, "_info", "{name}"),
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&ending), "{name}"),
            other => panic!("{name} is a {other}"),
        }
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{series} twice");
    }
    histograms(&samples);
    samples
}

/// Buckets grow, and the last has all.
fn histograms(samples: &Samples) {
    let mut all: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (series, value) in samples.iter().filter(|(series, _)| series.contains("_bucket{")) {
        let (name, labels) = series.split_once("_bucket{").unwrap();
        let le = labels.trim_end_matches('}').split(',').find_map(|label| label.strip_prefix("le=")).unwrap();
        let bound = le.trim_matches('"').parse().unwrap_or(f64::INFINITY);
        let others: Vec<_> =
            labels.trim_end_matches('}').split(',').filter(|label| !label.starts_with("le=")).collect();
        let series = match others.is_empty() {
            true => format!("{name}_count"),
            false => format!("{name}_count{{{}}}", others.join(",")),
        };
        all.entry(series).or_default().push((bound, *value));
    }
    for (count, mut buckets) in all {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{count}: {buckets:?}");
        let (bound, value) = buckets[buckets.len() - 1];
        assert!(bound.is_infinite() && value == samples[&count], "{count}: {buckets:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agents_metrics_say_what_its_status_says() {
    let (_store, mut nodes) = cluster(2).await;
    let core = nodes[0].core();
    let scrape = async || {
        core.reporter.examine().await;
        read(&core.reporter.metrics().render(&core.reporter.describe()).unwrap())
    };
    let before = scrape().await;
    assert_eq!(before["weft_nodes{state=\"up\"}"], 2.0);
    assert_eq!(
        (before["weft_store_up"], before["weft_session_held"], before["weft_networks"]),
        (1.0, 1.0, 0.0)
    );
    assert_eq!(before[&format!("weft_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))], 1.0);
    assert!(before["process_resident_memory_bytes"] > 1e6, "{before:?}");

    core.networks.create(network("overlay")).await.unwrap();
    nodes[0].attach("overlay", "web").await.unwrap();
    let after = scrape().await;
    assert_eq!(
        (after["weft_networks"], after["weft_endpoints"], after["weft_local_endpoints"]),
        (1.0, 1.0, 1.0)
    );
    assert_eq!((after["weft_kernel_networks"], after["weft_kernel_networks_agreeing"]), (1.0, 1.0));
    assert_eq!(after["weft_kernel_differences{kind=\"missing\"}"], 0.0);
    let grown = |series: &str| after[series] - before.get(series).copied().unwrap_or(0.0);
    assert!(grown("weft_reconcile_rounds_total{result=\"complete\"}") >= 1.0);
    assert_eq!(grown("weft_reconcile_steps_total{kind=\"create_namespace\"}"), 1.0);
    assert!(grown("weft_reconcile_duration_seconds_count") >= 1.0);

    nodes[1].kill().await;
    eventually("it is seen to be down", || core.known().live.len() == 1).await;
    let late = scrape().await;
    assert_eq!((late["weft_nodes{state=\"up\"}"], late["weft_nodes{state=\"down\"}"]), (1.0, 1.0));
    // Nothing that users choose is a label: how many series there are does not depend on what runs.
    assert!(!late.keys().any(|series| series.contains("web") || series.contains("overlay")), "{late:?}");
}

#[tokio::test]
async fn calls_of_the_store_are_counted_and_timed() {
    let metrics = Arc::<Metrics>::default();
    let env = Arc::new(Env::new(jiff::Timestamp::now, StdRng::seed_from_u64(1)));
    let memory = MemoryStore::new();
    let store = Measured::new(Arc::new(memory.clone()), Arc::clone(&metrics), env);
    let scrape = || {
        let mut text = String::new();
        encode_registry(&mut text, &metrics.registry).unwrap();
        encode_eof(&mut text).unwrap();
        read(&text)
    };
    assert_eq!(metrics.store.answered(), None);
    let listing = store.list("").await.unwrap();
    assert!(metrics.store.answered().is_some());
    let mut updates = store.watch("", listing.revision);

    let put = |value: &str| Txn::new().put("key", value, Condition::Absent);
    store.commit(put("one")).await.unwrap();
    let update: Update =
        tokio::time::timeout(Duration::from_secs(10), futures::StreamExt::next(&mut updates))
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    drop(update);
    store.commit(put("two")).await.unwrap_err();
    let samples = scrape();
    assert_eq!(samples["weft_store_calls_total{call=\"list\",result=\"ok\"}"], 1.0);
    assert_eq!(samples["weft_store_calls_total{call=\"commit\",result=\"ok\"}"], 1.0);
    assert_eq!(samples["weft_store_calls_total{call=\"commit\",result=\"conflict\"}"], 1.0);
    assert_eq!(samples["weft_store_call_duration_seconds_count{call=\"commit\"}"], 2.0);
    assert_eq!(samples["weft_store_watch_lag_seconds_count"], 1.0, "the one that was made");
}
