//! How large a packet passes: the full size is tried now and then, and where it does not pass, halves of what is left.

use crate::frame::LEAST;
use std::time::{Duration, Instant};

/// How often the full size is tried before it counts as not passing. Other sizes are tried once: what comes out is looked at
/// twice.
const TRIES: u8 = 3;
/// How long an answer may take, at least.
const PATIENCE: Duration = Duration::from_millis(250);
/// And at most.
const MOST_PATIENCE: Duration = Duration::from_secs(1);
/// Less than this no path carries, in bytes: of IPv4, each host takes 576 (RFC 791, section 3.1). Who finds less has lost the
/// others, small ones with them.
const CREDIBLE: u16 = 576;

/// What is known of it, and the search for more.
#[derive(Debug)]
pub(crate) struct Size {
    /// The largest that should pass.
    full: u16,
    /// The largest that was found to pass.
    passes: Option<u16>,
    /// What the last search has found, if that is other than what was known: it counts once another says the same.
    doubtful: Option<u16>,
    /// What passes and what does not, during a search.
    bounds: Option<(u16, u16)>,
    tried: Option<Try>,
    /// When the next search begins.
    due: Instant,
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Try {
    number: u64,
    size: u16,
    at: Instant,
    tries: u8,
}

impl Size {
    /// Nothing is known. Frames get the numbers after `number`.
    pub(crate) fn new(full: u16, now: Instant, number: u64) -> Self {
        let full = full.max(LEAST);
        Self { full, passes: None, doubtful: None, bounds: None, tried: None, due: now, number }
    }

    pub(crate) fn full(&self) -> u16 {
        self.full
    }

    pub(crate) fn passes(&self) -> Option<u16> {
        self.passes
    }

    /// The path may be another: what passes is looked for anew.
    pub(crate) fn doubt(&mut self, now: Instant) {
        (self.bounds, self.tried, self.doubtful, self.due) = (None, None, None, now);
    }

    /// When there is something to do, where there and back take that long.
    pub(crate) fn due(&self, round_trip: Option<Duration>) -> Instant {
        self.tried.map_or(self.due, |tried| tried.at + patience(round_trip))
    }

    /// The number of the last frame.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The number of a frame that somebody else sends.
    pub(crate) fn take_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// The number and the size of a frame to send now, if there is one. The next search begins a `period` after this one.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        period: Duration,
    ) -> Option<(u64, u16)> {
        if self.due(round_trip) > now {
            return None;
        }
        let before =
            self.tried.take_if(|tried| tried.tries >= if tried.size == self.full { TRIES } else { 1 });
        let (low, high) = self.bounds.unwrap_or((LEAST, self.full + 1));
        let high = before.map_or(high, |failed| high.min(failed.size));
        self.bounds = Some((low, high));
        let Some(size) = self.next_size(low, high) else {
            self.end(low, now, period);
            return None;
        };
        let tries = 1 + self.tried.map_or(0, |again| again.tries);
        self.number += 1;
        self.tried = Some(Try { number: self.number, size, at: now, tries });
        Some((self.number, size))
    }

    /// A size between what passes and what does not: the full one, then what was found before, then the middle.
    fn next_size(&self, low: u16, high: u16) -> Option<u16> {
        let found = self.doubtful.or(self.passes).unwrap_or(self.full);
        let first = [self.full, found, found.saturating_add(1)];
        let is_between = |size: &u16| low < *size && *size < high;
        let [full, found, beyond] = first.map(|size| Some(size).filter(is_between));
        let beyond = beyond.filter(|size| low + 1 == *size);
        let middle = Some(low + (high - low) / 2).filter(is_between);
        full.filter(|_| high > self.full).or(found).or(beyond).or(middle)
    }

    /// The other end has received the frame with this number.
    pub(crate) fn passed(&mut self, number: u64) {
        let Some(tried) = self.tried.take_if(|tried| tried.number == number) else { return };
        if let Some((low, _)) = &mut self.bounds {
            *low = tried.size.max(*low);
        }
    }

    /// Whether a path can carry as little as that.
    pub(crate) fn is_credible(&self, passes: u16) -> bool {
        passes >= CREDIBLE.min(self.full)
    }

    fn end(&mut self, found: u16, now: Instant, period: Duration) {
        if !self.is_credible(found) {
            (self.bounds, self.tried, self.doubtful, self.due) = (None, None, None, now + MOST_PATIENCE);
            return;
        }
        let certain = found == self.full || [self.passes, self.doubtful].contains(&Some(found));
        (self.bounds, self.tried) = (None, None);
        (self.doubtful, self.due) = if certain { (None, now + period) } else { (Some(found), now) };
        if certain {
            self.passes = Some(found);
        }
    }
}

fn patience(round_trip: Option<Duration>) -> Duration {
    round_trip.map_or(MOST_PATIENCE, |round_trip| (round_trip * 4).clamp(PATIENCE, MOST_PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PERIOD: Duration = Duration::from_secs(300);

    /// A search over a path that lets packets of `limit` bytes through, at most: how long it took, and how many frames.
    fn search(size: &mut Size, now: &mut Instant, limit: u16) -> (Duration, usize) {
        let (began, mut frames) = (*now, 0);
        let round_trip = Some(Duration::from_micros(300));
        while size.due(round_trip) <= *now + MOST_PATIENCE {
            *now = size.due(round_trip).max(*now);
            if let Some((number, bytes)) = size.poll(*now, round_trip, PERIOD) {
                frames += 1;
                if bytes <= limit {
                    size.passed(number);
                }
            }
        }
        (*now - began, frames)
    }

    proptest! {
        #[test]
        fn it_finds_what_passes(full in LEAST..=u16::MAX - 1, limits in proptest::collection::vec(CREDIBLE.., 1..5)) {
            let mut now = Instant::now();
            let mut size = Size::new(full, now, 7);
            for limit in limits {
                let (took, frames) = search(&mut size, &mut now, limit);
                prop_assert_eq!(size.passes(), Some(limit.min(full)));
                prop_assert!(took < Duration::from_secs(8) && frames < 60, "{:?}, {}", took, frames);
                now += PERIOD;
            }
        }
    }

    #[test]
    fn a_moment_without_answers_changes_nothing() {
        let mut now = Instant::now();
        let mut size = Size::new(1450, now, 0);
        search(&mut size, &mut now, 1450);
        now += PERIOD;
        // The first of a search are lost, and the rest are not.
        let frame = size.poll(now, None, PERIOD).unwrap();
        assert_eq!(frame.1, 1450);
        for _ in 0..3 {
            now += MOST_PATIENCE;
            size.poll(now, None, PERIOD).unwrap();
        }
        search(&mut size, &mut now, 1450);
        assert_eq!(size.passes(), Some(1450));
    }

    #[test]
    fn once_it_is_found_it_costs_one_frame_a_period() {
        let mut now = Instant::now();
        let mut size = Size::new(1450, now, 0);
        assert_eq!(search(&mut size, &mut now, 1450).1, 1);
        now += PERIOD;
        assert_eq!(search(&mut size, &mut now, 1450).1, 1);
        now += PERIOD;
        search(&mut size, &mut now, 1350);
        now += PERIOD;
        assert_eq!(
            search(&mut size, &mut now, 1350).1,
            5,
            "three of the full size, that which passes, and one more"
        );
    }
}
