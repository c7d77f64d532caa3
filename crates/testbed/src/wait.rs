//! Waiting for a condition, with a deadline.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// How long between two looks. Short, since what is waited for often takes a millisecond.
const INTERVAL: Duration = Duration::from_millis(2);

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
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(reason) if start.elapsed() > deadline => panic!("after {deadline:?}: {reason}"),
            Err(_) => thread::sleep(interval),
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
