//! What most tests start from.

use std::time::Duration;

/// How long something may take that usually takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(20);
