//! What the agent has logged of late: for `weft status`, for bug reports, and so that nothing is written
//! over and over.

use jiff::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use weft_verbs::LoggedProblem;
pub use weft_verbs::Severity;

/// How many lines are kept.
const LINES: usize = 1000;
/// How many bytes of a line are kept.
const LINE: usize = 1000;
/// How many different warnings and errors are kept: as many as may come in turn, and are not written each time. One
/// cause can be told of each of a host's containers.
const PROBLEMS: usize = 1000;
/// How many of them are shown.
const SHOWN: usize = 32;
/// How often the same warning is written.
const EVERY: Duration = Duration::from_secs(60);

/// An event that is being logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'l> {
    /// When.
    pub at: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, with its fields, in one line.
    pub text: &'l str,
}

/// What is to be done about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogVerdict {
    /// It is to be written; it came this many times more since it was written last.
    Write {
        /// How often it was not written.
        unwritten: u64,
    },
    /// It was written a moment ago.
    Leave,
}

/// The last lines of the log, and the last problems among them. Their number is limited.
#[derive(Debug, Default)]
pub struct Logs(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    problems: Vec<Repeated>,
}

#[derive(Debug)]
struct Repeated {
    problem: LoggedProblem,
    written: Instant,
    unwritten: u64,
}

impl Logs {
    /// Takes note of an event, at `now`, and says whether it is to be written.
    ///
    /// The same warning or error is written once, and while it goes on, once a minute. Everything else is.
    pub fn note(&self, line: &Line<'_>, now: Instant) -> LogVerdict {
        let mut state = self.lock();
        let verdict = match line.severity {
            Severity::Error | Severity::Warning => state.repeated(line, now),
            Severity::Info | Severity::Debug => LogVerdict::Write { unwritten: 0 },
        };
        if verdict != LogVerdict::Leave {
            state.keep(line);
        }
        verdict
    }

    /// The last lines, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// The last problems, newest first.
    pub fn problems(&self) -> Vec<LoggedProblem> {
        let state = self.lock();
        let mut problems: Vec<_> = state.problems.iter().map(|repeated| repeated.problem.clone()).collect();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.last));
        problems.truncate(SHOWN);
        problems
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // There is no half-way in what is done under it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, line: &Line<'_>) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        let severity = line.severity.name();
        self.lines.push_back(format!("{:.3} {severity:5} {}", line.at, cut(line.text)));
    }

    fn repeated(&mut self, line: &Line<'_>, now: Instant) -> LogVerdict {
        let text = cut(line.text);
        if let Some(known) = self.problems.iter_mut().find(|known| known.problem.text == text) {
            let row = &mut known.problem;
            row.last = line.at;
            row.times += 1;
            if now.duration_since(known.written) < EVERY {
                known.unwritten += 1;
                return LogVerdict::Leave;
            }
            known.written = now;
            return LogVerdict::Write { unwritten: std::mem::take(&mut known.unwritten) };
        }
        if self.problems.len() == PROBLEMS
            && let Some(oldest) =
                (0..PROBLEMS).min_by_key(|&index| self.problems.get(index).map(|known| known.problem.last))
        {
            self.problems.swap_remove(oldest);
        }
        let (first, last, severity) = (line.at, line.at, line.severity);
        let problem = LoggedProblem { first, last, times: 1, severity, text: text.to_owned() };
        self.problems.push(Repeated { problem, written: now, unwritten: 0 });
        LogVerdict::Write { unwritten: 0 }
    }
}

/// The start of a text that is too long to be kept.
fn cut(text: &str) -> &str {
    // A character has four bytes at most.
    let end = (LINE - 3..=LINE).rev().find(|&end| text.is_char_boundary(end));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, severity: Severity, text: &str) -> Line<'_> {
        Line { at: Timestamp::from_second(second).unwrap(), severity, text }
    }

    #[test]
    fn the_same_warning_is_written_once_and_then_once_a_minute_with_a_count() {
        let (logs, began) = (Logs::default(), Instant::now());
        let note = |second: u64, text| {
            let line = line(i64::try_from(second).unwrap(), Severity::Warning, text);
            logs.note(&line, began + Duration::from_secs(second))
        };
        let first = LogVerdict::Write { unwritten: 0 };
        assert_eq!(note(0, "store out of reach"), first);
        assert_eq!(
            (1..60).filter(|&second| note(second, "store out of reach") == LogVerdict::Leave).count(),
            59
        );
        assert_eq!(note(5, "something else"), first, "what differs is another");
        assert_eq!(note(60, "store out of reach"), LogVerdict::Write { unwritten: 59 });
        assert_eq!(note(61, "store out of reach"), LogVerdict::Leave);
        let problems = logs.problems();
        assert_eq!(problems.iter().map(|problem| problem.times).collect::<Vec<_>>(), [62, 1]);
        assert_eq!((problems[0].first.as_second(), problems[0].last.as_second()), (0, 61));
        assert_eq!(logs.lines().len(), 3, "what was not written is not kept either");
    }

    #[test]
    fn many_that_come_in_turn_are_written_once_each() {
        let (logs, began) = (Logs::default(), Instant::now());
        let mut written = 0;
        for second in 0..50 {
            for endpoint in 0..500 {
                let text = format!("endpoint {endpoint} stays");
                let line = line(second, Severity::Warning, &text);
                written += usize::from(logs.note(&line, began) != LogVerdict::Leave);
            }
        }
        assert_eq!(written, 500);
    }

    #[test]
    fn what_happens_twice_is_written_twice() {
        let (logs, now) = (Logs::default(), Instant::now());
        for _ in 0..2 {
            let verdict = logs.note(&line(1, Severity::Info, "joined"), now);
            assert_eq!(verdict, LogVerdict::Write { unwritten: 0 });
        }
        assert_eq!(logs.lines(), ["1970-01-01T00:00:01.000Z info  joined"; 2]);
        assert_eq!(logs.problems(), []);
    }

    #[test]
    fn it_is_bounded_and_the_oldest_goes_first() {
        let (logs, now) = (Logs::default(), Instant::now());
        let long = "é".repeat(LINE);
        for second in 0..5000 {
            logs.note(&line(second, Severity::Error, &format!("{second} {long}")), now);
        }
        let (lines, problems) = (logs.lines(), logs.problems());
        assert_eq!((lines.len(), problems.len()), (LINES, SHOWN));
        assert_eq!(logs.lock().problems.len(), PROBLEMS);
        assert!(lines.iter().all(|line| line.len() < LINE + 50));
        assert!(problems[0].text.starts_with("4999 ") && problems[SHOWN - 1].text.starts_with("4968 "));
    }
}
