//! Telling people that something takes its time.

use std::{
    future::Future,
    io::{IsTerminal, Write},
    pin::pin,
    time::Duration,
};

/// How long nobody wonders.
const UNNOTICED: Duration = Duration::from_secs(1);

/// Waits for `work`, and says so on a terminal if it takes longer than a second.
pub(crate) async fn patiently<T>(doing: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(result) = tokio::time::timeout(UNNOTICED, work.as_mut()).await {
        return result;
    }
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut stderr = std::io::stderr();
    // A terminal that went away needs no telling.
    let _ = write!(stderr, "{doing}…").and_then(|()| stderr.flush());
    let result = work.await;
    rewrite("");
    result
}

/// Writes the terminal's line anew: carriage return, and erase the line (ECMA-48 section 8.3.41).
pub(crate) fn rewrite(line: &str) {
    let mut stderr = std::io::stderr();
    // A terminal that went away needs no telling.
    let _ = write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush());
}
