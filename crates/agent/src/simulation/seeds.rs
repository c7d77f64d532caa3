//! Which random histories to try, and how to see one again.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How often to print how far it is.
const PROGRESS: Duration = Duration::from_secs(60);

/// The seeds that `WEFT_SEEDS` names, as `17` or `0..10000`; without it the `usual` ones.
pub(crate) fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("WEFT_SEEDS") else { return usual };
    let number = |text: &str| text.parse::<u64>().expect("WEFT_SEEDS is a number or a range of them");
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    }
}

/// Whether one history was asked for: to see all of it.
pub(crate) fn is_one() -> bool {
    let seeds = seeds(0..0);
    seeds.end == seeds.start + 1
}

/// Tries a history with each of the seeds, as many at once as this machine has cores. `test` is how to ask for it.
pub(crate) fn try_all(test: &'static str, seeds: Range<u64>, history: impl Fn(u64) + Sync) {
    try_until(test, seeds, None, history);
}

/// As [`try_all`], for as many seconds as `WEFT_SECONDS` says, with those that `WEFT_SEEDS` says, or else with seeds
/// that nobody has tried before. Tells each minute how far it is.
pub(crate) fn soak(test: &'static str, history: impl Fn(u64) + Sync) {
    let seconds = std::env::var("WEFT_SECONDS").map(|text| text.parse().expect("WEFT_SECONDS is a number"));
    let until = seconds.ok().map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    try_until(test, seeds(now * 1000..u64::MAX), until, history);
}

fn try_until(test: &'static str, seeds: Range<u64>, until: Option<Instant>, history: impl Fn(u64) + Sync) {
    let (next, failed, began) = (AtomicU64::new(seeds.start), AtomicBool::new(false), Instant::now());
    let one_by_one = || {
        let in_time = || until.is_none_or(|until| Instant::now() < until);
        while in_time() && !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let _trial = Trial { seed, test, failed: &failed };
            history(seed);
        }
    };
    let say_how_far = |how: &str| {
        let tried = next.load(Ordering::Relaxed).min(seeds.end) - seeds.start;
        let seconds = began.elapsed().as_secs();
        eprintln!("{tried} histories from seed {} on, in {seconds} s: {how}", seeds.start);
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(one_by_one)).collect();
        let mut told = began;
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                say_how_far("so far");
            }
        }
    });
    if !failed.load(Ordering::Relaxed) {
        say_how_far("all is well");
    }
}

/// Says how to see a failure again, and that there was one.
struct Trial<'f> {
    seed: u64,
    test: &'static str,
    failed: &'f AtomicBool,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.failed.store(true, Ordering::Relaxed);
            eprintln!("again: WEFT_SEEDS={} cargo test -p weft-agent {}", self.seed, self.test);
        }
    }
}
