//! What containers have to say to each other all the time.

use crate::figures::{Figures, Measure};
use weft_testbed::{Container, Pings, Stream};

/// Pings and a connection between two containers, each.
pub(crate) struct Traffic(Vec<Pair>);

struct Pair {
    between: String,
    pings: Pings,
    stream: Stream,
}

impl Traffic {
    /// Begins, between each pair.
    #[track_caller]
    pub(crate) fn start<'c>(pairs: impl Iterator<Item = (&'c Container, &'c Container)>) -> Self {
        Self(pairs.map(|(from, to)| Pair::start(from, to)).collect())
    }

    /// Begins between one more pair.
    #[track_caller]
    pub(crate) fn add(&mut self, from: &Container, to: &Container) {
        self.0.push(Pair::start(from, to));
    }

    /// Ends, and counts what did not arrive.
    #[track_caller]
    pub(crate) fn count(self, figures: &mut Figures) {
        let (mut lost, mut resets) = (0, 0);
        for Pair { between, pings, stream } in self.0 {
            let counted = pings.count();
            if let (Some(first), Some(last)) = (counted.lost.first(), counted.lost.last()) {
                let (count, sent) = (counted.lost.len(), counted.sent);
                figures.wrong(format!(
                    "{count} of {sent} packets got lost {between}, from {first:.1?} to {last:.1?} after the first"
                ));
            }
            lost += counted.lost.len();
            if let Some(why) = stream.end().broke {
                figures.wrong(format!("the connection {between} broke: {why}"));
                resets += 1;
            }
        }
        figures.measure(Measure::Lost, f64::from(u32::try_from(lost).unwrap_or(u32::MAX)));
        figures.measure(Measure::Resets, f64::from(resets));
    }
}

impl Pair {
    #[track_caller]
    fn start(from: &Container, to: &Container) -> Self {
        Self {
            between: format!("between {} and {}", from.name(), to.name()),
            pings: Pings::start(from, to),
            stream: Stream::start(from, to),
        }
    }
}
