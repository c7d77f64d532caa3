//! How often something is done again and again, as options have it.

use std::time::Duration;

/// The shortest, in seconds: each time takes the agent some work.
const SHORTEST: f64 = 0.2;
/// And the longest: an hour.
const LONGEST: f64 = 3600.0;

/// How long it is from one to the next.
///
/// # Errors
/// If it is no number of seconds, or not one between the shortest and the longest.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, as 0.5".to_owned())?;
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(format!("from {SHORTEST} to {LONGEST} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}
