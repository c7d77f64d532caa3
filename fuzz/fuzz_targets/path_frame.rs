//! Frames that measure a path: from anybody, and from a host of the cluster that says whatever it likes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};
use weft_model::NodeId;
use weft_path::{Peer, Prober, fuzzed};
use weft_trust::{PairKey, TunnelSecret};

/// This host, another one, and what they have in common.
static PAIR: LazyLock<(NodeId, Peer)> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(1);
    let mut node = || (NodeId::random(&mut rng), TunnelSecret::random(&mut rng));
    let ((own, secret), (id, other)) = (node(), node());
    let public = other.public().unwrap();
    let key = PairKey::new((&own, &secret), (&id, &public)).unwrap();
    let place = ([192, 0, 2, 1], 4789).into();
    (own, Peer { id, public, key, place, full: 1450, close: true })
});

fuzz_target!(|bytes: &[u8]| {
    let (own, peer) = &*PAIR;
    let mut prober = Prober::new(*own, 1 << 50);
    let mut now = Instant::now();
    prober.follow(vec![peer.clone()], now);
    assert!(prober.hear(bytes, now).is_err(), "nobody else has the key");
    for said in bytes.chunks(64) {
        now += Duration::from_millis(said.iter().map(|byte| u64::from(*byte)).sum());
        let frame = fuzzed::marked(said, &peer.id, own, &peer.key);
        if let Ok(Some(answer)) = prober.hear(&frame, now) {
            assert!(answer.len() <= weft_path::SMALL, "an answer is no longer than a small frame");
        }
        prober.poll(now);
        assert!(fuzzed::is_sane(&prober));
    }
});
