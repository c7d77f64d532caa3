//! A secret comes in on standard input, and is not shown.

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::{Read, Write, stderr, stdin};

/// The longest line taken, in bytes.
const MAX: u64 = 4096;

/// Reads a line from standard input. On a terminal it is asked for, and not shown while it is typed.
///
/// # Errors
/// If there is none.
pub(super) fn secret(what: &str) -> anyhow::Result<String> {
    let hidden = isatty(stdin()).then(|| Hidden::new(what)).transpose()?;
    let mut text = String::new();
    let read = match &hidden {
        // A terminal goes on after a line.
        Some(_) => stdin().read_line(&mut text).map(drop),
        None => stdin().lock().take(MAX).read_to_string(&mut text).map(drop),
    };
    drop(hidden);
    read.with_context(|| format!("cannot read the {what} from standard input"))?;
    if text.trim().is_empty() {
        bail!(
            "there is no {what} on standard input: a command before the pipe printed none and said why, or there was none: \
             `weft node token`, on a host of the cluster, prints one"
        );
    }
    Ok(text.trim().to_owned())
}

/// A terminal that shows nothing of what is typed, until dropped.
struct Hidden(Termios);

impl Hidden {
    fn new(what: &str) -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("cannot ask the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &quiet)
            .context("cannot keep the terminal from showing it")?;
        // A terminal that went away needs no telling.
        let _ = write!(stderr(), "Paste the {what} (it is not shown): ").and_then(|()| stderr().flush());
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
        let _ = writeln!(stderr());
    }
}
