//! The agent's log, on standard error: one line an event.

use clap::ValueEnum;
use jiff::Timestamp;
use rustix::fs::fstat;
use serde::Deserialize;
use std::{
    fmt::{self, Write as _},
    io::{IsTerminal, Write},
    os::fd::AsFd,
    sync::Arc,
    time::Instant,
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};
use weft_agent::logs::{Line, LogVerdict, Logs, Severity};

/// How much to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How to write it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogFormat {
    /// For people, and for the journal
    #[default]
    Text,
    /// For programs: a JSON object a line
    Json,
}

/// Starts it. Returns where its last lines are kept.
pub(super) fn start(level: Level, format: LogFormat) -> Arc<Logs> {
    let level = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // Libraries log little that an administrator wants to know.
    let filter = EnvFilter::new(format!("warn,weft={level}"));
    let logs = Arc::new(Logs::default());
    let style = match format {
        LogFormat::Json => Style::Json,
        LogFormat::Text if is_journal() => Style::Journal,
        LogFormat::Text => Style::Text { colour: std::io::stderr().is_terminal() },
    };
    let write = |line: &str| {
        // The reader of standard error may have gone away.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    };
    let writer = Writer { logs: Arc::clone(&logs), style, write };
    tracing_subscriber::registry().with(writer.with_filter(filter)).init();
    logs
}

/// Whether standard error leads to the journal, which notes the time itself (systemd.exec(5), JOURNAL_STREAM). The
/// variable alone proves nothing: child processes inherit it.
fn is_journal() -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stream(std::io::stderr(), &stream))
}

/// Whether a file is the one of this device and inode.
fn is_stream(file: impl AsFd, stream: &str) -> bool {
    fstat(file).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text {
        colour: bool,
    },
    /// The level as a prefix, which the journal takes for the message's priority (sd-daemon(3)).
    Journal,
    Json,
}

/// Writes each event in a line, unless it was written a moment ago.
struct Writer<W> {
    logs: Arc<Logs>,
    style: Style,
    write: W,
}

impl<S: Subscriber, W: Fn(&str) + 'static> Layer<S> for Writer<W> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let text = said.text();
        let severity = match *event.metadata().level() {
            tracing::Level::ERROR => Severity::Error,
            tracing::Level::WARN => Severity::Warning,
            tracing::Level::INFO => Severity::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Severity::Debug,
        };
        let at = Timestamp::now();
        let LogVerdict::Write { unwritten } =
            self.logs.note(&Line { at, severity, text: &text }, Instant::now())
        else {
            return;
        };
        if unwritten > 0 {
            said.fields.push(("repeated", unwritten.to_string()));
        }
        (self.write)(&self.style.line(at, severity, &said));
    }
}

impl Style {
    fn line(self, at: Timestamp, severity: Severity, said: &Said) -> String {
        let name = severity.name();
        match self {
            Self::Journal => format!("<{}>{}\n", priority(severity), said.text()),
            Self::Text { colour: false } => format!("{at:.3} {name:>5} {}\n", said.text()),
            Self::Text { colour: true } => {
                // Red, yellow, green and blue (ECMA-48 section 8.3.117).
                let colour = match severity {
                    Severity::Error => 31,
                    Severity::Warning => 33,
                    Severity::Info => 32,
                    Severity::Debug => 34,
                };
                format!("\x1b[2m{at:.3}\x1b[0m \x1b[{colour}m{name:>5}\x1b[0m {}\n", said.text())
            }
            Self::Json => {
                let (time, message) = (format!("{at:.3}"), said.message.as_str());
                let known = [("time", time.as_str()), ("level", name), ("message", message)];
                let fields = said.fields.iter().map(|(name, value)| (*name, value.as_str()));
                let object: serde_json::Map<_, _> =
                    fields.chain(known).map(|(name, value)| (name.to_owned(), value.into())).collect();
                format!("{}\n", serde_json::Value::Object(object))
            }
        }
    }
}

/// As syslog counts (syslog(3)).
fn priority(severity: Severity) -> u8 {
    match severity {
        Severity::Error => 3,
        Severity::Warning => 4,
        Severity::Info => 6,
        Severity::Debug => 7,
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    /// In one line: what comes from outside has no say in how many.
    fn text(&self) -> String {
        let mut text = String::new();
        escape(&self.message, &mut text);
        for (name, value) in &self.fields {
            let plain =
                !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
            // Writing to memory does not fail.
            let _ = if plain { write!(text, " {name}={value}") } else { write!(text, " {name}={value:?}") };
        }
        text
    }

    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value)),
        }
    }
}

fn escape(said: &str, text: &mut String) {
    for char in said.chars() {
        if char.is_control() { text.extend(char.escape_default()) } else { text.push(char) }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// What is written while `work` is at work.
    fn written(style: Style, work: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let write = {
            let lines = Arc::clone(&lines);
            move |line: &str| lines.lock().unwrap().push(line.to_owned())
        };
        let writer = Writer { logs: Arc::default(), style, write };
        let subscriber = tracing_subscriber::registry().with(writer);
        tracing::subscriber::with_default(subscriber, work);
        // A test beside this one may hold the subscriber for a moment, while it registers a callsite of its own.
        std::mem::take(&mut *lines.lock().unwrap())
    }

    #[test]
    fn an_event_is_a_line_whatever_is_in_it() {
        let said = || {
            let error = "no route\nto \u{1b}[31mhost";
            tracing::error!(count = 3, %error, store = "consul://192.0.2.1", "store\nout of reach");
        };
        let [line] = written(Style::Journal, said).try_into().unwrap();
        assert_eq!(
            line,
            "<3>store\\nout of reach count=3 error=\"no route\\nto \\u{1b}[31mhost\" store=consul://192.0.2.1\n"
        );
        let [line] = written(Style::Json, said).try_into().unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&json["level"], &json["message"]), (&"error".into(), &"store\nout of reach".into()));
        assert_eq!((&json["count"], line.matches('\n').count()), (&"3".into(), 1));
        let [line] = written(Style::Text { colour: false }, said).try_into().unwrap();
        assert!(line.contains("Z error store\\nout of reach count=3 "), "{line}");
        let [line] = written(Style::Text { colour: true }, || tracing::info!("joined")).try_into().unwrap();
        assert!(line.ends_with("\u{1b}[32m info\u{1b}[0m joined\n"), "{line}");
    }

    #[test]
    fn only_what_leads_to_the_journal_is_the_journal() {
        use std::os::unix::fs::MetadataExt;
        let [journal, other] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let metadata = journal.metadata().unwrap();
        let stream = format!("{}:{}", metadata.dev(), metadata.ino());
        assert!(is_stream(&journal, &stream));
        assert!(!is_stream(&other, &stream) && !is_stream(&journal, "") && !is_stream(&journal, "7"));
    }

    #[test]
    fn a_warning_that_goes_on_is_written_once() {
        let lines = written(Style::Journal, || {
            for _ in 0..1000 {
                tracing::warn!(store = "consul://192.0.2.1", "store out of reach");
                tracing::info!("still here");
            }
        });
        assert_eq!(lines.iter().filter(|line| line.starts_with("<4>")).count(), 1);
        assert_eq!(lines.iter().filter(|line| line.starts_with("<6>")).count(), 1000);
    }
}
