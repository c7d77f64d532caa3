//! What happens to the paths to other hosts: found where what was measured of them changes.

use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use weft_model::{Event, EventAction, EventKind, NodeName};
use weft_path::Reach;
use weft_verbs::PeerPath;

/// In which way a path does not carry what it should.
type Trouble = (Reach, bool);

/// How long nothing is told of a path that something was told of: one that swings would drive out everything else.
const QUIET: Duration = Duration::from_secs(10);

/// The paths that were told of last, each with what is wrong with it.
#[derive(Default)]
pub(super) struct ToldPaths {
    told: BTreeMap<NodeName, Told>,
    /// When there is something to tell that was kept back, unless it has passed by then.
    pub(super) due: Option<Instant>,
}

#[derive(Clone, Copy, Default)]
struct Told {
    trouble: Option<Trouble>,
    /// Until then, nothing more is told.
    quiet: Option<Instant>,
}

impl ToldPaths {
    /// What has become of the paths since, which are `now` as they are. Of one that is not measured (any more) nothing is told:
    /// its host is down, or it is not known how it is.
    pub(super) fn follow(&mut self, paths: Vec<PeerPath>, now: Instant, time: Timestamp) -> Vec<Event> {
        let Self { told: mut before, .. } = std::mem::take(self);
        let mut news = Vec::new();
        for path in paths {
            let known = before.remove(&path.node);
            let told = known.unwrap_or_default();
            let narrow = (Reach::Both, true);
            let trouble = path.trouble.is_some().then(|| (path.path.reach, path.path.is_narrow()));
            let action = match (told.trouble, trouble) {
                (before, Some(trouble)) if before != Some(trouble) => Some(EventAction::Lost),
                // Networks keep to what passes, which is as little as before.
                (Some(before), None) if before == narrow && path.path.is_narrow() => None,
                (Some(_), None) => Some(EventAction::Mended),
                _ => None,
            };
            let unknown = path.path.reach == Reach::Unknown && path.trouble.is_none();
            let quiet = told.quiet.filter(|until| now < *until);
            let action = action.filter(|_| !unknown);
            if action.is_some() {
                self.due = [self.due, quiet].into_iter().flatten().min();
            }
            let Some(action) = action.filter(|_| quiet.is_none()) else {
                self.told.extend(known.or((!unknown).then_some(told)).map(|told| (path.node, told)));
                continue;
            };
            let event = Event::new(time, EventKind::Path, action, path.node.as_str()).at([path.vtep]);
            news.push(Event { reason: path.trouble, ..event });
            self.told.insert(path.node, Told { trouble, quiet: Some(now + QUIET) });
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_path::Path;

    fn path(reach: Reach, sends: Option<u16>) -> Vec<PeerPath> {
        let path = Path { reach, round_trip: None, lost: 0, sends, receives: sends, full: 1450 };
        let bad = path.is_narrow() || matches!(reach, Reach::Nothing | Reach::OnlyFromThere);
        vec![PeerPath {
            node: "host2".parse().unwrap(),
            vtep: "192.0.2.2".parse().unwrap(),
            blocked: false,
            path,
            trouble: bad.then(|| "why".to_owned()),
        }]
    }

    #[test]
    fn what_changes_is_told_once() {
        let mut told = ToldPaths::default();
        let mut now = Instant::now();
        let mut follow = |paths| {
            now += QUIET;
            let news = told.follow(paths, now, Timestamp::UNIX_EPOCH);
            news.into_iter().map(|event| (event.action.to_string(), event.reason)).collect::<Vec<_>>()
        };
        let lost = || vec![("lost".to_owned(), Some("why".to_owned()))];
        let mended = || vec![("mended".to_owned(), None)];
        assert_eq!(follow(path(Reach::Unknown, None)), []);
        assert_eq!(follow(path(Reach::Both, None)), [], "what works from the start is no news");
        assert_eq!(follow(path(Reach::Nothing, None)), lost());
        assert_eq!(follow(path(Reach::Nothing, None)), []);
        assert_eq!(follow(path(Reach::Unknown, None)), [], "not known is neither");
        assert_eq!(follow(path(Reach::OnlyFromThere, None)), lost(), "in another way");
        assert_eq!(follow(path(Reach::Both, Some(1300))), lost());
        let mut lowered = path(Reach::Both, Some(1300));
        lowered[0].trouble = None;
        assert_eq!(follow(lowered), [], "networks keep to it, and it is as narrow as before");
        assert_eq!(follow(path(Reach::Both, Some(1450))), mended());
        assert_eq!(follow(path(Reach::Nothing, None)), lost());
        assert_eq!(follow(Vec::new()), [], "its host is down");
        assert_eq!(follow(path(Reach::Both, None)), []);
    }

    #[test]
    fn what_swings_is_not_told_each_time() {
        let (mut told, begun) = (ToldPaths::default(), Instant::now());
        let swings = |second| if second % 2 == 0 { Reach::Both } else { Reach::Nothing };
        let news = (0..100).flat_map(|second| {
            told.follow(
                path(swings(second), None),
                begun + Duration::from_secs(second),
                Timestamp::UNIX_EPOCH,
            )
        });
        assert!((4..=10).contains(&news.count()));
    }

    #[test]
    fn what_was_kept_back_is_told_then() {
        let (mut told, begun) = (ToldPaths::default(), Instant::now());
        let mut follow = |seconds, reach| {
            let at = begun + Duration::from_secs(seconds);
            let news = told.follow(path(reach, None), at, Timestamp::UNIX_EPOCH);
            (news.len(), told.due.map(|due| due - begun))
        };
        assert_eq!(follow(0, Reach::Both), (0, None));
        assert_eq!(follow(1, Reach::Nothing), (1, None));
        assert_eq!(follow(2, Reach::Both), (0, Some(Duration::from_secs(11))));
        assert_eq!(follow(3, Reach::Nothing), (0, None), "it is as it was told");
        assert_eq!(follow(4, Reach::Both), (0, Some(Duration::from_secs(11))));
        assert_eq!(follow(11, Reach::Both), (1, None));
    }
}
