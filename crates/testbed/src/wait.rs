//! Waiting for a condition, with a deadline.

use std::{
    env,
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// How long between two looks at first. Short, since what is waited for often takes a millisecond.
const INTERVAL: Duration = Duration::from_millis(2);
/// How long between two looks at most, where it is not said.
const LONGEST: Duration = Duration::from_millis(100);
/// The longest pause after a look that takes long itself.
const PAUSE: Duration = Duration::from_secs(1);

/// How many times slower than usual this machine is: `WEFT_PATIENCE`, which is set where processors are emulated.
fn times_slower() -> u32 {
    env::var("WEFT_PATIENCE").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// `deadline`, on a machine that may be slow.
pub(crate) fn patient(deadline: Duration) -> Duration {
    deadline * times_slower()
}

/// Tries until `attempt` succeeds, and returns what it returned.
///
/// # Panics
/// When `deadline` has passed, with the last attempt's reason.
#[track_caller]
pub fn eventually<T, E: Display>(deadline: Duration, attempt: impl FnMut() -> Result<T, E>) -> T {
    eventually_every(INTERVAL, deadline, attempt)
}

/// As [`eventually`], for what is not to be looked at all the time: `interval` is between two looks.
///
/// # Panics
/// When `deadline` has passed, with the last attempt's reason.
#[track_caller]
pub fn eventually_every<T, E: Display>(
    interval: Duration,
    deadline: Duration,
    attempt: impl FnMut() -> Result<T, E>,
) -> T {
    match within(interval, deadline, attempt) {
        Ok(value) => value,
        Err(reason) => panic!("after {deadline:?}: {reason}"),
    }
}

/// As [`eventually_every`], for what is no reason to panic.
///
/// # Errors
/// When `deadline` has passed: that of the last attempt.
pub fn within<T, E>(
    interval: Duration,
    deadline: Duration,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let (start, deadline) = (Instant::now(), patient(deadline));
    loop {
        let look = Instant::now();
        match attempt() {
            Err(_) if start.elapsed() < deadline => {
                // A look takes the processor from what is waited for: no more than half of it, and less as it takes longer.
                let (half, seldom) = (look.elapsed().min(PAUSE), (start.elapsed() / 10).min(LONGEST));
                thread::sleep(interval.max(half).max(seldom));
            }
            done => return done,
        }
    }
}

/// Waits until `condition` holds; `what` says it in words.
///
/// # Panics
/// When `deadline` has passed.
#[track_caller]
pub fn until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    eventually(deadline, || if condition() { Ok(()) } else { Err(format!("still not so: {what}")) });
}
